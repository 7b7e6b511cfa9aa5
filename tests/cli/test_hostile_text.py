"""Names and texts from outside, full of what a terminal would act upon, in everything that is printed."""

import json
import os
import pty
import select
import subprocess
from pathlib import Path
from typing import Any

import pytest

from batchbox.cli.text_layout import measure
from batchbox.domain.records import Decision, Input, Output, Problem, Refusal
from batchbox.domain.states import JobState, PartState
from batchbox.storage.local.manifest_files import read_manifest, write_manifest
from tests.cli.test_pages import STAMP, part, put_job
from tests.storage.support import JOB
from tests.support.daemon import DEADLINE, PROGRAM, Box

NASTY = "\x1b[2J\x1b]0;title\x07\x9b31m\u202egnp.exe\u2066\u200f\x08\x7f"
WIDE = "質問の一覧" * 12
TEXT = f"{NASTY} {WIDE} {NASTY}{WIDE}"
NAMES = [f"20260102T030405Z-{number:012x}" for number in range(4)]


@pytest.fixture
def bad_box(box: Box) -> Box:
    """Give a spool in which every text that could come from outside is hostile."""
    refusal = Refusal(problem=TEXT, fix=TEXT, error={"message": TEXT})
    facts: dict[str, Any] = {
        "stem": TEXT,
        "input": Input(lines=1, requests=1, bytes=1, sha256="0"),
        "checked_at": STAMP,
    }
    facts["mistakes"] = (Problem(line=1, problem=TEXT, fix=TEXT),)
    facts["parts"] = (
        part(1, state=PartState.REFUSED, refusal=refusal, refused_at=STAMP),
        part(
            2, state=PartState.IN_DOUBT, doubt=TEXT, candidates=(TEXT,), ruled_out=(TEXT,), abandoned=(TEXT,)
        ),
        part(3, state=PartState.SUBMITTED, batch_id=TEXT, submitted_at=TEXT),
    )
    facts["decisions"] = (Decision(verb=TEXT, at=STAMP, by=TEXT, problem=TEXT, held_at=STAMP, batch_id=TEXT),)
    put_job(box.root, NAMES[0], state=JobState.RUNNING, **facts)
    put_job(box.root, NAMES[1], "hold", state=JobState.RUNNING, **facts)
    reason = {"problem": TEXT, "fix": TEXT}
    (box.root / "hold" / NAMES[1] / "hold.json").write_text(json.dumps(reason))
    output = Output(folder="outbox", name="x\x1b[31m.errors.jsonl", source="errors", size=1, sha256="0")
    done = {"outputs": (output,), "published_at": STAMP, "status": TEXT}
    put_job(box.root, NAMES[2], "done/2026-01-02", state=JobState.DONE, **facts | done)
    (box.root / "inbox" / "x\x1b[31m\u202e.jsonl").write_text("{}\n")
    (box.root / "inbox" / f"{WIDE[:40]}.jsonl").write_text("{}\n")
    (box.root / "control" / "x\x1b[31m\u202e").touch()
    for path in box.root.rglob("manifest.json"):
        rename_source(path)
    return box


def rename_source(path: Path) -> None:
    """Put a name into a manifest that no daemon would have written."""
    stored = read_manifest(path.parent)
    assert stored
    source = stored.manifest.source.model_copy(update={"name": f"{NASTY}{WIDE}"})
    write_manifest(path.parent, stored.manifest.model_copy(update={"source": source}))


COMMANDS = [
    ["status"],
    ["status", "--json"],
    *(["show", name, *more] for name in NAMES[:3] for more in ([], ["--json"])),
    *([verb, NAMES[0]] for verb in ("cancel", "hold", "retry")),
    ["retry", NAMES[0], "--json"],
    ["release", NAMES[1]],
    ["cancel", NAMES[1], "--json"],
    ["adopt", NAMES[1], "msgbatch_1"],
    ["adopt", NAMES[1], NASTY],
    ["resubmit", NAMES[1]],
    ["retry", NAMES[2]],
    ["release", NAMES[2]],
    ["show", NASTY],
    ["cancel", NASTY],
    ["show", NAMES[3]],
    ["check", "inbox/x\x1b[31m\u202e.jsonl"],
    ["check", "inbox/x\x1b[31m\u202e.jsonl", "--json"],
]


def test_nothing_printed_does_a_terminal_harm(bad_box: Box) -> None:
    """Every command, its errors and its JSON: no control character, no mark of direction; 80 columns."""
    for line in COMMANDS:
        words = [one.replace("inbox/", f"{bad_box.root}/inbox/") for one in line]
        done = bad_box.command(*words, COLUMNS="80")
        assert done.returncode in (0, 1, 2), (words, done.stderr)
        assert "Traceback" not in done.stderr
        assert "a bug" not in done.stderr
        shown = done.stdout + done.stderr
        assert shown
        assert all(one.isprintable() for one in shown.splitlines()), words
        if "--json" in words:
            json.loads(done.stdout)
        else:
            long = [one for one in done.stdout.splitlines() if measure(one) > 80 and "/" not in one]
            assert not long, words


def on_terminal(box: Box, *words: str) -> str:
    """Return what a command shows on a terminal, to its end."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([*PROGRAM, *words], env=box.env(), stdout=theirs, stderr=theirs)
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], DEADLINE)[0]:
        try:
            shown += os.read(ours, 1 << 16)
        except OSError:  # its other end is closed
            break
    os.close(ours)
    process.wait(DEADLINE)
    return shown.decode()


def test_errors_fit_a_terminal(box: Box) -> None:
    """There a long sentence is wrapped; elsewhere it is one line, so that it can be searched for."""
    put_job(box.root, JOB, "hold")
    words = ["resubmit", JOB, "--pay-again"]
    lines = on_terminal(box, *words).splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 80 for line in lines)
    assert len(box.command(*words).stderr.splitlines()) == 2
