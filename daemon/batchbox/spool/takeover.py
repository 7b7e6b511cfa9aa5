"""Taking over a copied or restored spool: nothing is sent that may have been sent since."""

import os
from dataclasses import dataclass
from pathlib import Path

from batchbox.core.commands import doubt_copied
from batchbox.core.errors import Damaged, Stop
from batchbox.core.states import JobState
from batchbox.spool import hold
from batchbox.spool.layout import JOB_NAME, Layout
from batchbox.spool.manifests import read_manifest, replace_manifest
from batchbox.spool.marker import NO_SPOOL, is_held, read_marker, write_marker

PROBLEM = "the spool was copied or restored, and this file may have been sent since"
FIX = "batchbox release {job} sends it; batchbox cancel {job} does not"


@dataclass(frozen=True, slots=True)
class TakenOver:
    """How many jobs will be looked for before they are sent, and how many wait for a person."""

    doubted: int
    held: int


def take_over(root: Path) -> TakenOver:
    """Make a copied spool a spool of its own. May be repeated until it has succeeded; the marker is last."""
    layout = Layout(root)
    spool_id = read_marker(layout)
    if is_held(layout):
        raise Stop(
            f"batchbox is running on {root}", "a spool that runs need not be taken over", code=NO_SPOOL
        )
    jobs = sorted(name for name in os.listdir(layout.work) if JOB_NAME.fullmatch(name))
    fates = [_doubt(layout, job) for job in jobs]
    write_marker(layout, spool_id)
    return TakenOver(fates.count("doubted"), fates.count("held"))


def _doubt(layout: Layout, job: str) -> str:
    try:
        stored = read_manifest(layout.job(job))
    except Damaged:
        return ""  # the daemon puts it aside
    if stored and stored.manifest.state is JobState.TAKEN:
        hold.park(layout, job, PROBLEM, FIX.format(job=job))
        return "held"
    doubted = doubt_copied(stored.manifest) if stored else None
    if stored is None or doubted is None or doubted == stored.manifest:
        return ""
    replace_manifest(layout.job(job), doubted, stored.version)
    return "doubted"
