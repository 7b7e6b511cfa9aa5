"""The survey: what a person is shown, built from what lies there, changing nothing."""

import json
import os
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from batchbox.domain.errors import Damaged, Stop
from batchbox.domain.job import SCHEMA
from batchbox.domain.states import JobState
from batchbox.readmodel.survey import Survey, find_jobs, survey
from batchbox.reports.health import Health, WaitingFile
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.support import (
    JOB,
    LATER_JOB,
    in_child,
    make_manifest,
    names,
    put,
    take,
    tree,
    without_rights,
)

DAMAGED_JOB = JOB.replace("2026", "2025")


def states(found: Survey) -> list[str]:
    """Return the states of the jobs under way."""
    return [manifest.state.value for manifest in found.jobs]


def damage(spool: LocalSpool, job: str) -> Damaged:
    """Make a job whose manifest cannot be read; return what is said of it."""
    take(spool, job, b"bad.jsonl")
    (spool.layout.job(job) / "manifest.json").write_bytes(b"{")
    with pytest.raises(Damaged) as caught:
        spool.load(job)
    return caught.value


def test_an_empty_spool_is_empty(root: Path) -> None:
    """Nothing waits, nothing runs, nothing is held."""
    found = survey(root)
    assert (found.root, found.running, found.health, found.finished) == (root, False, Health(), 0)
    assert not any((found.waiting, found.jobs, found.others, found.held, found.others_held))


def test_what_is_no_spool_is_refused(tmp_path: Path) -> None:
    """With the fix."""
    with pytest.raises(Stop, match="is not a spool"):
        survey(tmp_path)
    with pytest.raises(Stop, match="is not a spool"):
        find_jobs(tmp_path, "x")


def test_every_state_is_shown(root: Path, spool: LocalSpool) -> None:
    """Jobs under way, oldest first, each with its manifest; finished ones are counted."""
    for number, state in enumerate(JobState):
        take(spool, JOB[:-1] + f"{number}", b"%d.jsonl" % number, state=state)
    spool.retire(take(spool, LATER_JOB), "2026-01-02")
    found = survey(root)
    assert states(found) == ["taken", "running", "publishing", "done"]
    assert [manifest.source.name for manifest in found.jobs] == ["0.jsonl", "1.jsonl", "2.jsonl", "3.jsonl"]
    assert (found.running, found.held, found.finished) == (True, [], 1)


def test_held_and_damaged_jobs_are_shown_with_their_reason(root: Path, spool: LocalSpool) -> None:
    """Parked or still in work/, readable or not: what happened and what to do."""
    told = damage(spool, DAMAGED_JOB)
    manifest = take(spool, JOB)
    spool.park(JOB, "a problem", "a fix")
    damage(spool, LATER_JOB)
    spool.park(LATER_JOB, "another problem", "another fix")
    found = survey(root)
    assert found.jobs == []
    assert [(one.job, one.problem, one.fix, one.manifest) for one in found.held] == [
        (DAMAGED_JOB, told.problem, told.fix, None),
        (JOB, "a problem", "a fix", manifest),
        (LATER_JOB, "another problem", "another fix", None),
    ]


@pytest.mark.parametrize("reason", [None, b"", b"[]", b"{", b'{"problem": 1}'], ids=repr)
def test_a_held_job_without_a_reason_is_shown_all_the_same(
    root: Path, spool: LocalSpool, reason: bytes | None
) -> None:
    """A person may have moved it there; the reason may be damaged."""
    take(spool)
    spool.layout.job(JOB).rename(spool.layout.held(JOB))
    if reason is not None:
        (spool.layout.held(JOB) / "hold.json").write_bytes(reason)
    (held,) = survey(root).held
    assert held.job == JOB
    assert held.problem
    assert f"batchbox release {JOB}" in held.fix
    assert held.manifest


def test_beyond_those_told_in_full_the_others_are_counted(root: Path, spool: LocalSpool) -> None:
    """Every manifest is read and has to match its checksum; one that does not is told, wherever it is."""
    jobs = [JOB[:-1] + f"{number}" for number in range(5)]
    for number, job in enumerate(jobs):
        take(spool, job, b"%d.jsonl" % number, state=list(JobState)[number % 4])
    damage(spool, LATER_JOB)
    torn = spool.layout.job(jobs[3]) / "manifest.json"
    torn.write_bytes(torn.read_bytes().replace(b"3.jsonl", b"4.jsonl"))
    found = survey(root, in_full=2)
    assert [manifest.job for manifest in found.jobs] == jobs[:2]
    assert [glance.state.value for glance in found.others] == ["publishing", "taken"]
    assert [held.job for held in found.held] == [jobs[3], LATER_JOB]
    assert "checksum" in found.held[0].problem


def test_held_jobs_beyond_those_told_in_full_are_counted(root: Path, spool: LocalSpool) -> None:
    """By their names."""
    for number in range(3):
        take(spool, JOB[:-1] + f"{number}", b"%d.jsonl" % number)
        spool.park(JOB[:-1] + f"{number}", "a problem", "a fix")
    found = survey(root, in_full=2)
    assert ([held.job[-1] for held in found.held], found.others_held) == (["0", "1"], 1)


def test_a_newer_manifest_stops_the_look(root: Path, spool: LocalSpool) -> None:
    """It says which version is needed."""
    take(spool)
    write_manifest(spool.layout.job(JOB), make_manifest(schema_number=SCHEMA + 1))
    with pytest.raises(Stop, match="newer batchbox"):
        survey(root)


def test_while_a_daemon_runs_it_says_what_waits(root: Path, spool: LocalSpool) -> None:
    """The reasons that only the daemon knows are those it put down."""
    put(root)
    waiting = WaitingFile(file="x.jsonl", queue="default", bytes=1, problem="a problem", fix="a fix")
    spool.report({"flags": ["PAUSE"], "waiting": [waiting.model_dump()], "of another version": 1})
    found = survey(root)
    assert (found.running, found.health.flags, found.waiting) == (True, ["PAUSE"], [waiting])


def test_without_a_daemon_the_inbox_itself_is_shown(root: Path) -> None:
    """With what stands in the way of each file, and the command that starts the work."""
    put(root)
    put(root, b"odd\n\xff.jsonl")
    os.mkfifo(root / "inbox" / "pipe.jsonl")
    (root / "state" / "health.json").write_text('{"waiting": [{"file": "long gone"}]}')
    found = in_child(lambda: [one.model_dump() for one in survey(root).waiting], seconds=5)
    assert sorted((one["file"], one["problem"]) for one in found) == [
        ("odd%0A%FF.jsonl", "waits for batchbox to be started"),
        ("pipe.jsonl", "is a pipe, not a file"),
        ("x.jsonl", "waits for batchbox to be started"),
    ]
    assert next(one["fix"] for one in found if one["file"] == "x.jsonl") == f"batchbox run --spool {root}"


def test_a_look_changes_nothing(root: Path) -> None:
    """No file, no time stamp, though there is much to clear up: that is the daemon's."""
    spool = LocalSpool(root, epoch=1)
    take(spool)
    damage(spool, DAMAGED_JOB)
    os.link(root / "work" / JOB / "request.jsonl", root / "inbox" / "x.jsonl")
    (root / "work" / LATER_JOB).mkdir()
    spool.close()
    before = {path: path.stat().st_ctime_ns for path in root.rglob("*")}
    found = survey(root)
    find_jobs(root, "x")
    assert {path: path.stat().st_ctime_ns for path in root.rglob("*")} == before
    (waiting,) = found.waiting
    assert "is taken already" in waiting.problem


def test_a_producer_may_look_as_well(common_root: Path) -> None:
    """Another user sees what permissions let him see, and no traceback for the rest."""
    spool = LocalSpool(common_root, epoch=1)
    for job in (JOB, LATER_JOB):
        take(spool, job)
    spool.park(JOB, "a problem", "a fix")
    spool.close()
    for folder in (common_root / "work", common_root / "hold" / JOB):
        os.chmod(folder, 0)

    def look() -> list[Any]:
        found = survey(common_root)
        return [len(found.jobs), [one.job for one in found.held], len(find_jobs(common_root, "x"))]

    assert without_rights(look) == [0, [JOB], 0]


def test_a_spool_without_its_folders_can_be_looked_at(root: Path) -> None:
    """What is missing is empty; the inbox is not missing silently."""
    for name in ("work", "hold", "done", "state"):
        (root / name).rmdir()
    assert survey(root).jobs == []
    assert find_jobs(root, "x") == []


def test_strange_names_are_passed_over(root: Path, spool: LocalSpool) -> None:
    """A person's own files and folders in work/, hold/ and done/ are no jobs."""
    for place in ("work", "hold", "done"):
        (root / place / "notes").mkdir()
        (root / place / "notes.txt").write_bytes(b"")
    take(spool)
    found = survey(root)
    assert (states(found), found.held, found.finished) == (["taken"], [], 0)
    assert [place for place, _ in find_jobs(root, "x")] == ["work"]


def test_a_job_is_found_wherever_it_is(root: Path, spool: LocalSpool) -> None:
    """By id or its beginning, by name, by stem; newest first, each with its place."""
    spool.retire(take(spool, JOB), "2026-01-02")
    take(spool, LATER_JOB)
    spool.park(LATER_JOB, "a problem", "a fix")
    newest = JOB.replace("2026", "2027")
    take(spool, newest, stem="x~2")
    everywhere = [("work", newest), ("hold", LATER_JOB), ("done", JOB)]
    for text, expected in {
        "x.jsonl": everywhere,
        "x": everywhere[1:],
        "x~2": everywhere[:1],
        JOB[:17]: everywhere[2:],
        "2026": [],
        "": [],
        JOB: everywhere[2:],
        "y": [],
    }.items():
        assert [(place, job.job) for place, job in find_jobs(root, text)] == expected, text
    assert names(root / "work") == [newest]
    assert "x.jsonl" not in tree(root / "inbox")


def manifests_opened(work: Callable[[], object]) -> list[str]:
    """Return which manifests *work* opens, in a child."""

    def watch() -> list[str]:
        opened: list[str] = []
        sys.addaudithook(lambda event, facts: opened.append(str(facts[0])) if event == "open" else None)
        work()
        return [path for path in opened if path.endswith("manifest.json")]

    found: list[str] = in_child(watch)
    return found


def test_a_job_id_is_found_without_reading_the_others(root: Path, spool: LocalSpool) -> None:
    """Nor is an archive of years read for a file that is under way."""
    for number in range(5):
        spool.retire(take(spool, JOB[:-1] + f"{number}"), "2026-01-02")
    take(spool, LATER_JOB)
    for text in (JOB[:-1] + "3", LATER_JOB):
        opened = manifests_opened(partial(find_jobs, root, text))
        assert [Path(path).parent.name for path in opened] == [text]
    opened = manifests_opened(partial(find_jobs, root, "x", ("work", "hold")))
    assert {Path(path).parent.name for path in opened} == {LATER_JOB}


def test_a_file_may_be_called_like_a_word_of_the_manifest(root: Path, spool: LocalSpool) -> None:
    """Only name and stem count; a quote in the name is found all the same."""
    take(spool, JOB, b"done.jsonl")
    take(spool, LATER_JOB, 'a "\N{SNOWMAN}" \\.jsonl'.encode())
    assert [job.job for _, job in find_jobs(root, "done")] == [JOB]
    assert [job.job for _, job in find_jobs(root, 'a "\N{SNOWMAN}" \\')] == [LATER_JOB]
    assert find_jobs(root, "taken") == []
    assert find_jobs(root, "\udcff") == []


def test_an_id_whose_manifest_is_damaged_is_told(root: Path, spool: LocalSpool) -> None:
    """It is not "no such job": it is there, and says why it cannot be acted on."""
    told = damage(spool, JOB)
    spool.park(JOB, told.problem, told.fix)
    with pytest.raises(Stop, match="cannot be read") as caught:
        find_jobs(root, JOB)
    assert "compare it with manifest.previous.json" in caught.value.fix
    assert find_jobs(root, "bad.jsonl") == []


def test_the_reason_is_read_as_it_was_written(root: Path, spool: LocalSpool) -> None:
    """Any text goes into hold.json and comes back."""
    take(spool)
    spool.park(JOB, 'a “problem”\n"\\', "fix: \N{SNOWMAN}")
    (held,) = survey(root).held
    assert (held.problem, held.fix) == ('a “problem”\n"\\', "fix: \N{SNOWMAN}")
    assert set(json.loads((root / "hold" / JOB / "hold.json").read_bytes())) == {"problem", "fix"}
