"""Hold: jobs that wait for a person, and the way back."""

import json
import os
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from batchbox.domain.job import JobId, Manifest
from batchbox.domain.timestamps import format_time
from batchbox.ports.storage import Stored
from batchbox.storage.local import durable
from batchbox.storage.local.layout import BEGUN, HOLD_REASON, JOB_NAME, Layout
from batchbox.storage.local.manifest_files import replace_manifest


def park(layout: Layout, job: JobId, problem: str, fix: str) -> bool:
    """Move a job to hold/, then write the reason beside its manifest; False if there is nothing to do.

    In this order: a job in work/ with a reason is one that a person moved back, to be gone on with.
    """
    held = layout.held(job)
    if durable.is_there(layout.job(job)):
        durable.make_folder(held.parent)
        durable.remove(layout.job(job) / HOLD_REASON)
        durable.move(layout.job(job), held)
    elif not durable.is_there(held) or durable.is_there(held / HOLD_REASON):
        return False
    write_reason(layout, job, problem, fix)
    return True


@dataclass(frozen=True, slots=True)
class HoldReason:
    """Why a job is held, what to do, and since when. Empty where nothing was written down."""

    problem: str = ""
    fix: str = ""
    since: str | None = None


def read_reason(folder: Path) -> HoldReason:
    """Return what was written beside the manifest in *folder*, as far as it can be read at all."""
    try:
        with open(folder / HOLD_REASON, "rb") as file:
            since = datetime.fromtimestamp(os.fstat(file.fileno()).st_mtime, UTC)
            found = json.load(file)
    except (OSError, ValueError, RecursionError):
        return HoldReason()
    facts = found if isinstance(found, dict) else {}
    return HoldReason(str(facts.get("problem", "")), str(facts.get("fix", "")), format_time(since))


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
