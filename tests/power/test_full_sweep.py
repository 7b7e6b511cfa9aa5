"""A disk that becomes full before its k-th change, for every k, and stays so for a while."""

import shutil
from collections import Counter
from contextlib import closing
from pathlib import Path
from sys import maxsize

import pytest

from batchbox_sandbox.remote import Sandbox
from tests.power.conftest import MakeRoom
from tests.power.room import QUOTA, Room, small_disk
from tests.power.scenario import finish, prepare, start
from tests.power.seam import Seam, placed
from tests.power.volume import NotPossibleError

SHARDS = 6
TURNS = 25  # with waits that grow: half a minute and more, by the engine's clock
FEW = 4  # moments, where not all are wanted
QUOTA_STEP = 20
HOWS = [("bytes", False), ("bytes", True), ("inodes", False), ("inodes", True)]


def fill_at(room: Room, sandbox: Sandbox, what: str, moment: int, greedy: bool) -> int:
    """Fill the disk before the change of that number, then make room; return how many changes there were.

    *greedy*: somebody eats at once what becomes free, until there is room.
    """
    is_over = False

    def meet(number: int) -> None:
        if not is_over and (number == moment or (greedy and number > moment)):
            room.fill(what)

    clean(room)
    prepare(room.root, sandbox)
    with closing(start(room.root, sandbox.url)) as engine, placed(Seam(meet)) as seam:
        engine.run_until(lambda: seam.count >= moment or engine.is_done())
        engine.run_turns(TURNS)
        is_over = True
        room.clear()
        finish(engine, sandbox)
        return seam.count


def clean(room: Room) -> None:
    """Remove the spool of the run before."""
    for path in room.root.iterdir():
        if path.is_dir() and path.name != "ballast":
            shutil.rmtree(path)
    (room.root / ".batchbox").unlink(missing_ok=True)


@pytest.fixture
def step(request: pytest.FixtureRequest) -> int:
    """Give how far the moments of a shard lie apart; 0: so that there are a few."""
    return SHARDS if request.config.getoption("--soak") else 0


@pytest.mark.parametrize(
    "shard", [0, *(pytest.param(one, marks=pytest.mark.slow) for one in range(1, SHARDS))]
)
@pytest.mark.parametrize("how", HOWS, ids=["bytes", "bytes-greedy", "inodes", "inodes-greedy"])
def test_full_before_any_change(
    make_room: MakeRoom, sandbox: Sandbox, tally: Counter[str], step: int, shard: int, how: tuple[str, bool]
) -> None:
    """Wherever the disk becomes full, nothing is lost or paid twice, and all goes on once there is room."""
    what, greedy = how
    room = make_room()
    moments = fill_at(room, sandbox, what, maxsize, greedy)
    assert moments > 100
    first, every = (shard + 1, step) if step else (moments // FEW // 2, moments // FEW)
    for moment in range(first, moments, every):
        fill_at(room, sandbox, what, moment, greedy)
        tally["disks filled to the last byte or inode"] += 1


@pytest.mark.slow
def test_a_quota_that_is_used_up(tmp_path: Path, sandbox: Sandbox, tally: Counter[str]) -> None:
    """A quota of the file system's is a full disk like any other."""
    try:
        with small_disk(tmp_path / "disk", "16M", kind=QUOTA) as room:
            moments = fill_at(room, sandbox, "bytes", maxsize, greedy=False)
            for moment in range(1, moments, QUOTA_STEP):
                fill_at(room, sandbox, "bytes", moment, greedy=False)
                tally["disks filled to the last byte or inode"] += 1
    except NotPossibleError as reason:
        pytest.skip(f"this system has no quota for us: {reason}")
