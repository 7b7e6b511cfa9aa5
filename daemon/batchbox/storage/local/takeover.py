"""Taking over a copied or restored spool: nothing is sent that may have been sent since."""

import os
from dataclasses import dataclass
from pathlib import Path

from batchbox.domain.errors import NO_SPOOL, Damaged, Stop
from batchbox.domain.operator_commands import doubt_copied
from batchbox.domain.states import JobState
from batchbox.storage.local import hold
from batchbox.storage.local.layout import JOB_NAME, Layout
from batchbox.storage.local.lock import is_held, read_marker, write_marker
from batchbox.storage.local.manifest_files import read_manifest, refuse_newer, replace_manifest

DOUBTED, HELD = "doubted", "held"
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
    refuse_newer(layout)
    fates = {job: _doubt(layout.job(job)) for job in _jobs(layout.work)}
    for job in [job for job, fate in fates.items() if fate == HELD]:
        hold.park(layout, job, PROBLEM, FIX.format(job=job))
    for job in _jobs(layout.root / "hold"):
        if _doubt(layout.held(job)) == HELD:
            hold.write_reason(layout, job, PROBLEM, FIX.format(job=job))
    write_marker(layout, spool_id)
    return TakenOver(list(fates.values()).count(DOUBTED), len(_jobs(layout.root / "hold")))


def _jobs(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if JOB_NAME.fullmatch(name))


def _doubt(folder: Path) -> str:
    """Let what may have been sent since be looked for; say what is to become of the job."""
    try:
        stored = read_manifest(folder)
    except Damaged:
        return ""  # the daemon puts it aside
    if stored is None:
        return ""
    if stored.manifest.state is JobState.TAKEN:
        return HELD
    doubted = doubt_copied(stored.manifest)
    if doubted == stored.manifest:
        return ""
    replace_manifest(folder, doubted, stored.version)
    return DOUBTED
