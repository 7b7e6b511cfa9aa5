"""The power is cut on real file systems, before every change of the disk: nothing is lost or paid twice."""

import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.power.blackout import Order, Report
from tests.power.volume import NotPossibleError, find

ROOT = Path(__file__).parents[2]
SHARDS = 6
FEW = 6
SWEEPS = [
    *(("ext4", mode) for mode in ("plain", "journal", "outlives")),
    *(("xfs", mode) for mode in ("plain", "journal", "outlives")),
    ("btrfs", "plain"),
]
OUTSIDE = "this system allows no mounts of one's own: "

Cut = Callable[..., Report]


@pytest.fixture
def cut(tmp_path: Path, sandbox: Sandbox, tally: Counter[str]) -> Cut:
    """Carry out an order in a process with mounts of its own; skip where that is not allowed."""

    def carry_out(kind: str, **details: str | int) -> Report:
        folder = tmp_path / "disks"
        folder.mkdir()
        order = Order(sandbox.url, kind, str(folder), **details)  # type: ignore[arg-type]
        try:
            words = [find("unshare"), "--mount", "--propagation", "private", sys.executable]
        except NotPossibleError as reason:
            pytest.skip(OUTSIDE + str(reason))
        words += ["-m", "tests.power.blackout", json.dumps(vars(order))]
        done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if done.stderr.startswith("unshare: "):
            pytest.skip(OUTSIDE + done.stderr.strip())
        assert done.stdout, done.stderr
        report = Report(**json.loads(done.stdout))
        if report.problem:
            pytest.skip(OUTSIDE + report.problem)
        tally[f"power cuts on {kind}"] += report.cuts
        return report

    return carry_out


def test_a_few_cuts(cut: Cut) -> None:
    """Cut off here and there in a run, everything ends well after the restart."""
    report = cut("ext4", number=FEW)
    assert report.cuts == FEW
    assert not report.broken, "\n".join(report.broken)


@pytest.mark.slow
@pytest.mark.parametrize("shard", range(SHARDS))
@pytest.mark.parametrize(("kind", "mode"), SWEEPS)
def test_cut_before_every_change(cut: Cut, kind: str, mode: str, shard: int) -> None:
    """Whichever change of the disk the power is cut before, everything ends well after the restart."""
    report = cut(kind, mode=mode, first=shard, step=SHARDS)
    assert report.moments > 100
    assert report.cuts >= report.moments // SHARDS
    assert not report.broken, "\n".join(report.broken)


def test_a_program_that_never_syncs_is_found_out(cut: Cut) -> None:
    """The check can fail: without fsync, what was paid for is forgotten and paid again."""
    report = cut("ext4", number=2, mutant="every fsync")
    assert "a batch was paid that no manifest knows" in "".join(report.broken)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs"])
@pytest.mark.parametrize("mutant", ["every fsync", "folder sync"])
def test_a_program_that_leaves_out_a_sync_is_found_out(cut: Cut, kind: str, mutant: str) -> None:
    """The check can fail on every file system, even where only the folders are not synced."""
    assert cut(kind, number=24, mutant=mutant).broken
