"""Hold: jobs that wait for a person, and the way back."""

import json
import os
from contextlib import suppress

from batchbox.core.manifest import JobId, Manifest
from batchbox.core.storage import Stored
from batchbox.spool import durable
from batchbox.spool.layout import BEGUN, HOLD_REASON, JOB_NAME, Layout
from batchbox.spool.manifests import replace_manifest


def park(layout: Layout, job: JobId, problem: str, fix: str) -> None:
    """Move a job to hold/, then write the reason beside its manifest.

    In this order: a job in work/ with a reason is one that a person moved back, to be gone on with.
    """
    held = layout.held(job)
    durable.make_folder(held.parent)
    durable.remove(layout.job(job) / HOLD_REASON)
    durable.move(layout.job(job), held)
    write_reason(layout, job, problem, fix)


def find_jobs(layout: Layout) -> list[JobId]:
    """Return the jobs that are held, oldest first."""
    with suppress(FileNotFoundError):
        return sorted(name for name in os.listdir(layout.root / "hold") if JOB_NAME.fullmatch(name))
    return []


def write_reason(layout: Layout, job: JobId, problem: str, fix: str) -> None:
    """Say why a job is held."""
    with durable.write_whole(layout.held(job) / HOLD_REASON) as file:
        file.write(json.dumps({"problem": problem, "fix": fix}, indent=1).encode() + b"\n")


def bring_back(layout: Layout, manifest: Manifest, if_version: int) -> Stored:
    """Move a job from hold/ to work/, once its manifest says what was decided."""
    held = layout.held(manifest.job)
    stored = replace_manifest(held, manifest, if_version)
    durable.remove(held / BEGUN)
    durable.remove(held / HOLD_REASON)
    durable.move(held, layout.job(manifest.job))
    return stored
