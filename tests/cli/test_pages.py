"""What `status` and `show` print: within 80 columns, and a summary where there is much."""

import json
from pathlib import Path
from typing import Any

from batchbox.domain.part import Part
from batchbox.domain.records import Input, Output, Problem, Refusal
from batchbox.domain.states import JobState, PartState
from batchbox.storage.local.manifest_files import write_manifest
from tests.storage.support import JOB, make_manifest
from tests.support.daemon import Box

STAMP = "2026-01-02T03:04:05Z"
BATCH = "msgbatch_01HkcTjaV5uDC8jWR4ZsDV8d"
LONG = "a sentence that goes on, and on, and on, " * 5
PARTS = (PartState.READY, PartState.SUBMITTED, PartState.SUBMITTED, PartState.IN_DOUBT, PartState.COLLECTED)


def part(number: int = 1, **facts: Any) -> Part:
    """Return a part of a job."""
    return Part(number=number, nonce="n", requests=1000, bytes=1, crc32=0, **facts)


def put_job(root: Path, job: str, place: str = "work", **facts: Any) -> None:
    """Put a job where a daemon would have."""
    folder = root / place / job
    folder.mkdir(parents=True)
    write_manifest(folder, make_manifest(job, **({"taken_at": STAMP} | facts)))


def put_many(root: Path, many: int, place: str = "work", **facts: Any) -> None:
    for number in range(many):
        job = f"{JOB[:-4]}{number:04x}"
        parts = (part(state=PARTS[number % 5], batch_id=BATCH, submitted_at=STAMP),)
        put_job(root, job, place, **({"state": JobState.RUNNING, "parts": parts} | facts))


def check_width(box: Box, shown: str) -> None:
    """Only a path may be longer than 80 columns."""
    long = [line for line in shown.splitlines() if len(line) > 80 and str(box.root) not in line]
    assert not long


def test_status_of_a_thousand_jobs_counts_all_and_tells_twenty(box: Box) -> None:
    """At a glance: how many, and what they are doing; a program gets all of them in full."""
    put_many(box.root, 1000)
    put_job(box.root, JOB.replace("2026", "2027"), state=JobState.TAKEN)
    shown = box.command("status").stdout
    head = shown[shown.index("Under way") :].splitlines()
    assert head[0] == "Under way: 1,001"
    counts = "400 waiting for a batch, 200 ready to be sent, 200 in doubt, 200 about to be published"
    assert " ".join(" ".join(head[1:3]).split()) == f"{counts}, 1 being checked"
    assert shown.split("Answers about to be lost")[0].count("x.jsonl") == 20
    assert "  and 981 more\n" in shown
    check_width(box, shown)
    told = json.loads(box.command("status", "--json").stdout)["jobs"]
    assert len(told) == 1001
    assert all(job["parts"][0]["batch_id"] == BATCH for job in told[:-1])


def test_status_tells_how_much_there_is_of_each_queue(box: Box) -> None:
    """Where there are several: what waits, what runs, and how many requests are at the API."""
    put_many(box.root, 30)
    assert "Queues" not in box.command("status").stdout
    source = make_manifest(JOB).source.model_copy(update={"queue": "nightly"})
    sent = (part(state=PartState.SUBMITTED, batch_id=BATCH), part(2))
    put_job(box.root, JOB.replace("2026", "2027"), source=source, state=JobState.RUNNING, parts=sent)
    box.drop("waits.jsonl", b"1\n", "quick-" + "x" * 40)
    shown = box.command("status").stdout
    table = [line.split() for line in shown[shown.index("Queues") :].splitlines()[1:4]]
    assert table[:2] == [["default", "0", "30", "18,000"], ["nightly", "0", "1", "1,000"]]
    assert table[2][1:] == ["1", "0", "0"]
    check_width(box, shown)
    told = json.loads(box.command("status", "--json").stdout)["queues"]
    assert told["nightly"] == {"waiting": 0, "under_way": 1, "requests": 1000}


def test_status_tells_a_damaged_manifest_among_many(box: Box) -> None:
    """Though it is not among those that are shown, and though it could still be parsed."""
    put_many(box.root, 50)
    path = box.root / "work" / f"{JOB[:-4]}{40:04x}" / "manifest.json"
    path.write_bytes(path.read_bytes().replace(b"submitted", b"collected").replace(b"ready", b"collected"))
    shown = box.command("status").stdout
    assert "Under way: 49\n" in shown
    assert "Held for a person: 1\n" in shown
    assert path.parent.name in shown
    assert "does not match its checksum" in " ".join(shown.split())


def test_status_counts_the_held_and_the_finished(box: Box) -> None:
    """By their names; twenty of those held are told."""
    put_many(box.root, 30, "hold")
    put_many(box.root, 40, "done/2026-01-02", state=JobState.DONE)
    shown = box.command("status").stdout
    assert "Held for a person: 30\n" in shown
    assert shown.count("(hold/") == 20
    assert "  and 10 more\n" in shown
    assert "Finished: 40, in done/" in shown


def test_show_fits_into_80_columns(box: Box) -> None:
    """Mistakes, doubts, refusals and batch ids are wrapped; a path stays in one piece."""
    refusal = Refusal(problem=LONG, fix=LONG, error={})
    facts = {"state": PartState.COLLECTED, "batch_id": BATCH, "submitted_at": STAMP, "collected_at": STAMP}
    outcomes = {"succeeded": 10**8, "errored": 10**8, "expired": 10**8, "canceled": 10**8}
    parts = (
        part(1, state=PartState.REFUSED, refusal=refusal, attempt=3),
        part(2, generation=2, attempt=2, doubt=LONG, outcomes=outcomes, again=7, **facts),
    )
    output = Output(folder="outbox", name="x.receipt.json", source="receipt", size=10**9, sha256="0")
    put_job(
        box.root,
        JOB,
        "done/2026-01-02",
        state=JobState.DONE,
        input=Input(lines=1, requests=1, bytes=1, sha256="0"),
        mistakes=(Problem(line=1, problem=LONG, fix=LONG),),
        parts=parts,
        outputs=(output,),
        **dict.fromkeys(("checked_at", "published_at"), STAMP),
    )
    shown = box.command("show", "x").stdout
    check_width(box, shown)
    assert f"{BATCH}\n" in shown
    assert " ".join(shown.split()).count(LONG.strip()) == 5
    assert f"{box.root}/outbox/x.receipt.json  (1,000,000,000 bytes, taken away since)\n" in shown


def test_a_damaged_job_is_told_of_by_its_id(box: Box) -> None:
    """`show` and the commands say why it cannot be acted on, not that there is none."""
    put_job(box.root, JOB, "hold")
    (box.root / "hold" / JOB / "manifest.json").write_bytes(b"{")
    for words in (["show", JOB], ["cancel", f"hold/{JOB}"], ["release", JOB]):
        done = box.command(*words)
        assert done.returncode == 2
        assert "cannot be read" in done.stderr
        assert "manifest.previous.json" in done.stderr
