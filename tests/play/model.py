"""A producer, an operator, a killer and an unlucky service play against the daemon, by turns.

Each rule is something that can happen in the world; between two of them everything that is promised is
looked at, and at the end whatever is left must come to its one receipt. Rules that find nothing to act on do
nothing, so that no choice depends on how fast this machine is.
"""

import shutil
from collections import Counter
from typing import Any, ClassVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from tests.play.air import Mishap
from tests.play.fuse import ANY, MOMENTS
from tests.play.stage import FLAGS, Scene, Stage
from tests.support.daemon import request

NAMES = ("a.jsonl", "b.jsonl", "a~2.jsonl", "ä ö.jsonl")
QUEUES = ("", "", "night", "skips")
FLAVORS = 3
MISTAKES = (b"nonsense\n", b'{"custom_id": "0"}\n', b'{"prompt": 7}\n')
RETRYABLE = ("overloaded_error", "api_error", "invalid_request_error")

# The saves of a job that is alone: checked, prepared, committed (the last byte follows), submitted.
SENDING = (
    *((f"{side} spool.save", number) for side in ("before", "after") for number in (2, 3, 4)),
    ("before spool.save", 3),
    *(("after api.create", number) for number in (1, 1, 2)),
)

Fault = tuple[str, str, dict[str, Any]]  # where, which, its details

FAULTS: tuple[Fault, ...] = (
    ("create", "drop_before", {}),
    ("create", "drop_before", {"after_bytes": 40}),
    ("create", "drop_after", {}),
    ("create", "html", {"status": 502, "after": True}),
    ("create", "html", {"status": 503}),
    ("create", "garbage", {}),
    ("create", "empty", {}),
    ("create", "redirect", {"location": "http://127.0.0.1:9/"}),
    *(("create", "error_after", {"status": status}) for status in (408, 409, 500, 529)),
    *(("create", "refuse", {"status": status}) for status in (400, 401, 408, 413, 429, 500, 529)),
    ("create", "refuse", {"status": 429, "retry_after": 300}),
    *(("list", "refuse", {"status": status}) for status in (401, 404, 429, 500)),
    *(("list", fault, {}) for fault in ("garbage", "empty", "drop_before")),
    ("retrieve", "not_found", {}),
    ("retrieve", "refuse", {"status": 500}),
    ("results", "cut", {"where": "mid_line"}),
    ("results", "cut", {"where": "line_end", "framing": "close"}),
    ("results", "cut", {"rows": 0, "framing": "chunked"}),
    *(("results", fault, {}) for fault in ("short", "missing_row", "doubled_row", "stranger_row")),
    *(("results", fault, {}) for fault in ("not_found", "garbage", "empty", "drop_before")),
    ("results", "refuse", {"status": 500}),
)


def compose(size: int, flavor: int, mistake: int) -> bytes:
    """Return a file of *size* requests; *mistake*: on which line there is one, if so many there are."""
    lines = [request(str(number), f"question {flavor}-{number}") for number in range(size)]
    if mistake < size:
        lines[mistake] = MISTAKES[flavor]
    return b"".join(lines)


names = st.sampled_from(NAMES)
queues = st.sampled_from(QUEUES)
contents = st.builds(
    compose, st.integers(1, 6), st.integers(0, FLAVORS - 1), st.sampled_from([9, 9, 9, 9, 0, 1, 4])
)
sides = st.sampled_from(["before", "after"])
ones = st.integers(0, 5)


class Play(RuleBasedStateMachine):
    """What producers, readers and operators do, and time."""

    scene: ClassVar[Scene]
    tally: ClassVar[Counter[str]]

    def __init__(self) -> None:
        super().__init__()
        self.stage = Stage(self.scene)
        self.looks = 0

    @rule(queue=queues, name=names, content=contents)
    def drop(self, queue: str, name: str, content: bytes) -> None:
        self.stage.drop(queue, name, content)

    @rule(queue=queues, name=names, content=contents)
    def drop_and_let_it_be_taken(self, queue: str, name: str, content: bytes) -> None:
        self.stage.drop(queue, name, content)
        self.stage.run(lambda: self.stage.engine.run_turns(12))

    @rule(queue=queues, name=names, content=contents)
    def begin_writing(self, queue: str, name: str, content: bytes) -> None:
        self.stage.begin_writing(queue, name, content)

    @rule(which=ones)
    def finish_writing(self, which: int) -> None:
        for path in sorted(self.stage.writers)[which : which + 1]:
            self.stage.finish_writing(path)

    @rule(which=ones)
    def withdraw(self, which: int) -> None:
        for path in self.stage.lying()[which : which + 1]:
            self.stage.withdraw(path)

    @rule(which=ones, whole=st.booleans())
    def consume(self, which: int, whole: bool) -> None:
        receipts = sorted(path for path in self.stage.eyes.outputs if path.name.endswith("receipt.json"))
        for path in receipts[which : which + 1]:
            self.stage.consume(path, whole)

    @rule(flag=st.sampled_from(FLAGS), up=st.booleans())
    def set_flag(self, flag: str, up: bool) -> None:
        self.stage.raise_flag(flag, up)

    @rule()
    def delete_state(self) -> None:
        shutil.rmtree(self.stage.root / "state", ignore_errors=True)

    @rule(number=st.integers(1, 12))
    def turn(self, number: int) -> None:
        self.stage.run(lambda: self.stage.engine.run_turns(number))

    @rule(seconds=st.sampled_from([5, 70, 400, 1000, 3000]))
    def pass_time(self, seconds: int) -> None:
        self.stage.run(lambda: self.stage.engine.run_for(seconds))

    @rule(hours=st.sampled_from([0.2, 2.0, 12.0]))
    def sleep(self, hours: float) -> None:
        self.stage.weather.clock.advance(hours * 3600)
        self.stage.run(lambda: self.stage.engine.run_turns(3))

    @rule(which=ones, how=st.sampled_from(["end", "end", "expire"]))
    def end_batch(self, which: int, how: str) -> None:
        live = [one["id"] for one in self.stage.sandbox.batches() if one["status"] != "ended"]
        for batch in live[which : which + 1]:
            self.stage.sandbox.end(batch) if how == "end" else self.stage.sandbox.expire(batch)

    @rule()
    def work_off(self) -> None:
        self.stage.work_off()

    @invariant()
    def promises_hold(self) -> None:
        self.looks += 1
        self.stage.look()

    def teardown(self) -> None:
        try:
            if self.stage.sound:
                self.stage.finish()
                self.tally["histories played by a model"] += 1
                self.tally["histories played by a model: steps"] += self.looks - 1
                self.tally["histories played by a model: deaths"] += self.stage.eyes.deaths
        finally:
            self.stage.close()


class Killer(Play):
    """And somebody who kills."""

    @rule()
    def kill(self) -> None:
        self.stage.engine.crash_and_restart()

    @rule(number=st.integers(1, 60))
    def kill_somewhere(self, number: int) -> None:
        self.stage.fuse.set(ANY, number)
        self.stage.work_off()

    @rule(
        side=sides, moment=st.sampled_from(MOMENTS), number=st.integers(1, 4), queue=queues, content=contents
    )
    def kill_at(self, side: str, moment: str, number: int, queue: str, content: bytes) -> None:
        self.stage.fuse.set(f"{side} {moment}", number)
        self.drop_and_let_it_be_taken(queue, NAMES[0], content)

    @rule(moment=st.sampled_from(SENDING), queue=queues, content=contents)
    def kill_while_sending(self, moment: tuple[str, int], queue: str, content: bytes) -> None:
        self.stage.fuse.set(*moment)
        self.drop_and_let_it_be_taken(queue, NAMES[1], content)


class Misfortune(Play):
    """And a service that fails, in a workspace that others use."""

    @rule(fault=st.sampled_from(FAULTS), times=st.integers(1, 2), skip=st.integers(0, 1))
    def fail(self, fault: Fault, times: int, skip: int) -> None:
        at, name, details = fault
        self.stage.sandbox.order(at, name, times=times, skip=skip, **details)

    @rule(fault=st.sampled_from([fault for fault in FAULTS if fault[0] == "results"]), content=contents)
    def spoil_results(self, fault: Fault, content: bytes) -> None:
        self.fail(fault, times=1, skip=0)
        self.stage.drop("", NAMES[3], content)
        self.stage.work_off()

    @rule(
        fate=st.sampled_from(["kept", "lost", "lost", "late", "late", "never"]),
        veil=st.sampled_from([0.0, 300.0, 300.0]),
        delay=st.sampled_from([20.0, 500.0]),
        company=st.booleans(),
        content=contents,
    )
    def befall(self, fate: str, veil: float, delay: float, company: bool, content: bytes) -> None:
        self.stage.weather.mishaps.append(Mishap(fate, veil, delay, company))
        self.drop_and_let_it_be_taken("", NAMES[2], content)

    @rule(
        flavor=st.integers(0, FLAVORS - 1),
        outcome=st.sampled_from(["expired", "errored", "errored", "canceled", "refusal"]),
        kind=st.sampled_from(RETRYABLE),
        times=st.integers(1, 4),
    )
    def decide_outcome(self, flavor: int, outcome: str, kind: str, times: int) -> None:
        details = {"error_type": kind} if outcome == "errored" else {}
        self.stage.sandbox.outcome(f"question {flavor}-", outcome, times=times, **details)

    @rule(number=st.integers(1, 3))
    def stranger(self, number: int) -> None:
        self.stage.sandbox.stranger(number)

    @rule(which=ones)
    def delete_stranger(self, which: int) -> None:
        theirs = [one["id"] for one in self.stage.sandbox.batches() if one["stranger"] and not one["deleted"]]
        for batch in theirs[which : which + 1]:
            self.stage.eyes.deleted.append(batch)
            self.stage.sandbox.delete(batch)


class Everything(Killer, Misfortune):
    """All at once."""
