"""Small histories, each with another way to its end. What goes wrong on the way comes from elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from batchbox.domain.operator_commands import Command, Verb
from batchbox.engine.mailbox import Hint
from batchbox.storage.local.command_files import leave_command
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import request
from tests.support.engine import Engine

TWO = request("a") + request("b")
THREE = TWO + request("c")


def nothing(*_: Any) -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Scenario:
    """What is dropped, what the stand-in does about it, and how it has to end.

    *begin* runs before the first turn, *turn* between any two, *sent* after the first create, whatever
    became of it. A command that comes in the middle (a cancel, say) is put into control/ by *turn*.
    """

    statuses: dict[str, str]
    begin: Callable[[Engine, Sandbox], None]
    turn: Callable[[Engine], None] = nothing
    sent: Callable[[Sandbox], None] = nothing
    settings: dict[str, Any] = field(default_factory=dict)


def one_file(engine: Engine, _: Sandbox) -> None:
    engine.drop("a.jsonl", TWO)


def wrong_file(engine: Engine, _: Sandbox) -> None:
    engine.drop("a.jsonl", b"nonsense\n")


def several_parts(engine: Engine, _: Sandbox) -> None:
    engine.drop("a.jsonl", THREE)


def in_a_queue(engine: Engine, _: Sandbox) -> None:
    engine.drop("a.jsonl", TWO, "nightly")


def expired_rows(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.outcome("question b", "expired")
    engine.drop("a.jsonl", TWO)


def failed_rows(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.outcome("question b", "errored")
    engine.drop("a.jsonl", TWO + b"nonsense\n")


def refused_part(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "refuse", times=9, status=400, error_type="invalid_request_error")
    engine.drop("a.jsonl", TWO)


def lost_after(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "drop_after")
    engine.drop("a.jsonl", TWO)


def lost_before(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "drop_before")
    engine.drop("a.jsonl", TWO)


def drop_namesake(engine: Engine) -> None:
    """Drop a second file of the same name as soon as the first is taken."""
    place = engine.root / "inbox" / "a.jsonl"
    if len(engine.dropped) == 1 and not place.exists():
        engine.drop("a.jsonl", TWO)
        engine.dropped["", "a.jsonl, again"] = TWO


def cancel(engine: Engine) -> None:
    """Ask for the file to be canceled as soon as a batch of it runs."""
    if not engine.dropped.get(("", "cancel")) and "submitted" in engine.states():
        (job,) = engine.manifests()
        leave_command(engine.root, Command(Verb.CANCEL, job.job))
        engine.mailbox.put(Hint())
        engine.dropped["", "cancel"] = b"asked"


def hold_and_release(engine: Engine) -> None:
    """Have the file put aside as soon as a batch of it runs, and taken back, as often as it takes."""
    held = engine.manifests("hold")
    is_due = held or ("submitted" in engine.states() and not engine.dropped.get(("", "hold")))
    if not is_due or list((engine.root / "control").glob("*-*")):
        return
    (job,) = held or engine.manifests()
    leave_command(engine.root, Command(Verb.RELEASE if held else Verb.HOLD, job.job))  # found by a scan
    engine.dropped["", "hold"] = b"asked"


def never_ends(engine: Engine, sandbox: Sandbox) -> None:
    sandbox.order("create", "refuse", status=429, retry_after=7200, times=90, skip=1)
    engine.drop("a.jsonl", THREE)


def put_name_in_the_way(engine: Engine) -> None:
    """Put a file of a person's where the results would go, once their job has that name."""
    place = engine.path("a", "results.jsonl")
    if not engine.dropped.get(("", "in the way")) and engine.manifests():
        place.write_bytes(b'"mine"\n')
        engine.dropped["", "in the way"] = b""


def add_stranger(sandbox: Sandbox) -> None:
    sandbox.stranger(2)


SCENARIOS = {
    "one file": Scenario({"a": "succeeded"}, one_file),
    "several parts": Scenario({"a": "succeeded"}, several_parts),
    "a file in a queue": Scenario({"nightly/a": "succeeded"}, in_a_queue),
    "a rejected file": Scenario({"a": "rejected"}, wrong_file),
    "rows asked again": Scenario({"a": "succeeded"}, expired_rows),
    "an errors file": Scenario({"a": "partial"}, failed_rows, settings={"bad_lines": "skip"}),
    "a part refused": Scenario({"a": "failed"}, refused_part),
    "an answer lost": Scenario({"a": "succeeded"}, lost_after),
    "an answer lost among strangers": Scenario({"a": "succeeded"}, lost_after, sent=add_stranger),
    "lost before it was accepted": Scenario({"a": "succeeded"}, lost_before),
    "lost before, among strangers": Scenario({"a": "succeeded"}, lost_before, sent=add_stranger),
    "a namesake": Scenario({"a": "succeeded", "a~2": "succeeded"}, one_file, turn=drop_namesake),
    "a file that is canceled": Scenario({"a": "partial"}, never_ends, turn=cancel),
    "a file that is held and released": Scenario({"a": "succeeded"}, one_file, turn=hold_and_release),
    "a name in the way": Scenario({"a~2": "succeeded"}, one_file, turn=put_name_in_the_way),
}
