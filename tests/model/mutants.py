"""The protocol with one safeguard taken away, each time another: the checker has to find each.

Most are changes of the program itself, made for as long as a test runs; the rest are a client or a plan
that breaks its word.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import pytest

from batchbox.api import failures
from batchbox.domain.batch import Batch
from batchbox.domain.errors import BatchboxError, TryLater
from batchbox.domain.part import Part
from batchbox.domain.records import Intent
from batchbox.domain.states import TRANSITIONS, Event, PartState
from batchbox.engine import dispatch
from batchbox.engine.steps import resolve_unknown, submit
from batchbox.engine.steps.context import Context
from batchbox.ports.api import Api, Body
from batchbox.ports.storage import Stored
from batchbox.scheduling import actions, plan
from batchbox.scheduling.actions import PartKey
from batchbox.scheduling.view import Doubt, View
from tests.model.house import Planner
from tests.model.steps import Line
from tests.model.world import Limits

Patch = Callable[[pytest.MonkeyPatch], None]


class LateCommitLine(Line):
    """The last byte leaves before it is on record that it may have left."""

    def create(self, _body: Body, commit: Callable[[], None]) -> Batch:
        """Send a body."""
        self.connect()
        self.release()
        commit()
        return self.receive()


class RepeatingLine(Line):
    """A create without an answer is sent again, as an SDK does by itself."""

    def create(self, _body: Body, commit: Callable[[], None]) -> Batch:
        """Send a body, up to twice."""
        self.connect()
        commit()
        self.release()
        try:
            return self.receive()
        except BatchboxError:
            self.release()
            return self.receive()


def look_once(view: View) -> Iterator[actions.Action]:
    """Plan as ever, but let the first look decide."""
    for action in plan.plan(view):
        yield replace(action, final=True) if isinstance(action, actions.Look) else action


def look_at_once(view: View) -> Iterator[actions.Action]:
    """Plan as if every wait were over."""
    doubts = {
        key: Doubt(since.since - view.doubt_seconds, since.looked_at and since.looked_at - view.doubt_seconds)
        for key, since in view.doubts.items()
    }
    return plan.plan(replace(view, doubts=doubts))


def _take_errors_for_refusals(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(failures, "OWN_ANSWERS", failures.OWN_ANSWERS | {500})


def _take_errors_for_not_now(patch: pytest.MonkeyPatch) -> None:
    _take_errors_for_refusals(patch)
    patch.setattr(failures, "WAITING_STATUS", failures.WAITING_STATUS | {500})


def _adopt_by_count(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resolve_unknown, "unmark", lambda _wire_id, _nonce: "q")


def _restart_as_ready(patch: pytest.MonkeyPatch) -> None:
    patch.setitem(TRANSITIONS, (PartState.COMMITTED, Event.UNANSWERED), PartState.READY)


def _give_up_as_none_found(patch: pytest.MonkeyPatch) -> None:
    def give_up_candidates(ctx: Context, stored: Stored, key: PartKey, _batch_id: str) -> Stored:
        part = stored.manifest.part(key).none_found()
        return ctx.spool.save(stored.manifest.with_part(part), stored.version)

    patch.setattr(dispatch, "give_up_candidates", give_up_candidates)


def _rule_out_unread(patch: pytest.MonkeyPatch) -> None:
    is_ours = resolve_unknown.__dict__["_is_ours"]

    def read(api: Api, batch: Batch, nonce: str) -> bool:
        try:
            return bool(is_ours(api, batch, nonce))
        except TryLater:
            return False

    patch.setattr(resolve_unknown, "_is_ours", read)


def _adopt_unproven(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resolve_unknown, "_is_ours", lambda _api, _batch, _nonce: True)


def _rule_out_what_was_adopted(patch: pytest.MonkeyPatch) -> None:
    """Take a batch that a person named by mistake for the last that could be ours."""
    strike = resolve_unknown.__dict__["_rule_out"]

    def forget(ctx: Context, stored: Stored, part: Part, batch_id: str) -> object:
        return strike(ctx, stored, part.model_copy(update={"adopting": False}), batch_id)

    patch.setattr(resolve_unknown, "_rule_out", forget)


def _believe_the_last_look(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(dispatch, "look", lambda ctx, part, owned: _Alone(resolve_unknown.look(ctx, part, owned)))


class _Alone(frozenset[str]):
    """A look that forgets the one before."""

    def __ror__(self, _before: object) -> "frozenset[str]":
        return frozenset(self)


def _read_one_page(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resolve_unknown, "_walk", lambda api: iter(api.page().batches))


def _date_the_cursor_wrongly(patch: pytest.MonkeyPatch) -> None:
    """Name the end of time as the cursor's creation: nothing is newer."""
    patch.setattr(submit, "Intent", lambda cursor, date: Intent(cursor=cursor, date=f"9{date[1:]}"))


@dataclass(frozen=True)
class Mutant:
    """A safeguard less, the world in which that shows, and what the checker then says."""

    name: str
    limits: Limits
    problem: str
    patch: Patch = lambda _patch: None
    line: Callable[..., Line] = Line
    planner: Planner = plan.plan

    def __str__(self) -> str:
        """Name it in the list of tests."""
        return self.name


TWICE, STRANGE, STUCK = "paid twice", "a stranger's batch", "the end cannot be reached"
ONE = Limits()
ALONE = Limits(deletions=1)
BESIDE = Limits(strangers=1)
TWO = Limits(parts=2, has_disk_errors=False, has_old_cursors=False)

MUTANTS = [
    Mutant("committed-after-the-last-byte", ONE, TWICE, line=LateCommitLine),
    Mutant("create-is-repeated", ONE, TWICE, line=RepeatingLine),
    Mutant("5xx-is-not-now", ONE, TWICE, _take_errors_for_not_now),
    Mutant("5xx-is-never", ONE, "refused, and yet there is a batch", _take_errors_for_refusals),
    Mutant("no-settle-time", ONE, TWICE, planner=look_at_once),
    Mutant("one-look", ONE, TWICE, planner=look_once),
    Mutant("second-look-alone", Limits(flaps=1), TWICE, _believe_the_last_look),
    Mutant("one-page", Limits(strangers=1, page=1), TWICE, _read_one_page),
    Mutant("adopted-by-count", BESIDE, STRANGE, _adopt_by_count),
    Mutant("adopted-by-count-of-another-part", TWO, STRANGE, _adopt_by_count),
    Mutant(
        "adopted-unproven", Limits(strangers=1, deletions=1, has_adoptions=True), STRANGE, _adopt_unproven
    ),
    Mutant(
        "adopted-and-ruled-out",
        Limits(strangers=1, deletions=1, has_adoptions=True),
        TWICE,
        _rule_out_what_was_adopted,
    ),
    Mutant("restart-is-ready", ONE, TWICE, _restart_as_ready),
    Mutant("lost-sight-is-none-found", ALONE, TWICE, _give_up_as_none_found),
    Mutant("ruled-out-unread", ONE, TWICE, _rule_out_unread),
    Mutant("cursor-of-the-future", Limits(strangers=1, deletions=1), TWICE, _date_the_cursor_wrongly),
]
