"""What the service may do by itself and what it may answer: each possibility, as the state it leads to."""

from collections.abc import Iterator
from typing import Any

from batchbox.domain.batch import Batch, Page
from batchbox.domain.part import Part
from batchbox.domain.states import PartState
from tests.model.effects import DONE, DOWN, EXPIRED, Ask
from tests.model.world import STRANGER, Limits, Shelf, State, Stay, index_of, name_of, show_batch

Move = tuple[str, State]
Response = tuple[object, State]

NEVER = 400
TOO_LARGE = 413
NOT_NOW = 429
BROKEN = 500
NO = "no"
SUCCEEDED = b"succeeded"
SENDING = frozenset({PartState.READY, PartState.PREPARED, PartState.COMMITTED, PartState.IN_DOUBT})


class Service:
    """The service and whoever else uses the same workspace."""

    def __init__(self, limits: Limits, shelf: Shelf) -> None:
        self._limits = limits
        self._shelf = shelf

    def stir(self, state: State) -> Iterator[Move]:
        """Yield what may happen without the daemon."""
        for nonce in state.pending:
            left = drop(state.pending, nonce)
            yield f"{nonce} is created late", self._create(state._replace(pending=left), nonce, listed=False)
            yield f"{nonce} comes to nothing", state._replace(pending=left)
        if sum(stay.nonce == STRANGER for stay in state.stays) < self._limits.strangers:
            yield "a stranger comes", self._create(state, STRANGER, listed=True)
        for index, stay in enumerate(state.stays):
            yield from self._age(state, index, stay)

    def _age(self, state: State, index: int, stay: Stay) -> Iterator[Move]:
        name = name_of(index)
        if not stay.listed:
            yield f"{name} is listed", change(state, index, listed=True)
        elif not stay.ended:
            yield f"{name} ends", change(state, index, ended=True)
            if stay.nonce != STRANGER and sum(one.expired for one in state.stays) < self._limits.expiries:
                yield f"{name} expires", change(state, index, ended=True, expired=True)
        elif not stay.deleted and self._may_be_deleted(state, index, stay):
            yield f"{name} is deleted", change(state, index, deleted=True)

    def _may_be_deleted(self, state: State, index: int, stay: Stay) -> bool:
        if sum(one.deleted for one in state.stays) >= self._limits.deletions:
            return False
        if stay.nonce == STRANGER or self._limits.is_deleted_unseen:
            return True
        own = [one for one, other in enumerate(state.stays) if other.nonce == stay.nonce]
        is_old = index != own[-1] or len(own) <= self._pardons(state, stay.nonce)
        return is_old or owner_of(state, self._shelf, stay.nonce).state not in SENDING

    def _pardons(self, state: State, nonce: str) -> int:
        return next(job.pardons for job in state.jobs if has_nonce(self._shelf, job.manifest, nonce))

    def _create(self, state: State, nonce: str, listed: bool) -> State:
        return state._replace(stays=(*state.stays, Stay(nonce, listed)))

    def receive(self, state: State, nonce: str) -> State:
        """Return the state in which a whole request has left this host."""
        return state._replace(pending=tuple(sorted((*state.pending, nonce))))

    def answer(self, state: State, nonce: str) -> Iterator[Response]:
        """Yield every answer to a create whose request has left."""
        yield DOWN, state
        yield BROKEN, state
        if nonce in state.pending:
            settled = state._replace(pending=drop(state.pending, nonce))
            yield NEVER, settled
            yield NOT_NOW, settled
            for listed in (True, False):
                yield show_batch(len(state.stays), ended=False), self._create(settled, nonce, listed)
            return
        for index, stay in enumerate(state.stays):
            if stay.nonce == nonce and not is_known(state, self._shelf, index):
                yield show_batch(index, stay.ended), state

    def list(self, state: State, ask: Ask) -> Iterator[Response]:
        """Yield every answer to the question for a page of the list."""
        yield DOWN, state
        older = index_of(ask.after) if ask.after else len(state.stays)
        entries = [
            show_batch(index, stay.ended)
            for index, stay in reversed(list(enumerate(state.stays[:older])))
            if stay.listed and not stay.deleted
        ]
        size = min(ask.limit, self._limits.page)
        yield _cut(entries, size), state
        if state.flaps < self._limits.flaps:
            flapped = state._replace(flaps=state.flaps + 1)
            for one in entries:
                yield _cut([entry for entry in entries if entry is not one], size), flapped

    def cancel(self, state: State, batch_id: str) -> Iterator[Response]:
        """Yield every answer to a wish for an end."""
        yield DOWN, state
        stay, index = state.stays[index_of(batch_id)], index_of(batch_id)
        yield (NO, state) if stay.ended else (DONE, change(state, index, canceled=True))

    def rows(self, state: State, batch_id: str) -> Iterator[Response]:
        """Yield every answer to the question for the rows of a batch."""
        yield DOWN, state
        stay = state.stays[index_of(batch_id)]
        if stay.ended and not stay.deleted:
            yield (stay.nonce, EXPIRED.encode() if stay.expired else SUCCEEDED), state


def _cut(entries: list[Batch], size: int) -> Page:
    return Page(tuple(entries[:size]), len(entries) > size)


def drop(pending: tuple[str, ...], nonce: str) -> tuple[str, ...]:
    """Return *pending* less one *nonce*."""
    place = pending.index(nonce)
    return pending[:place] + pending[place + 1 :]


def change(state: State, index: int, **facts: Any) -> State:
    """Return the state with other facts of one batch."""
    stays = state.stays
    return state._replace(stays=(*stays[:index], stays[index]._replace(**facts), *stays[index + 1 :]))


def has_nonce(shelf: Shelf, manifest: int, nonce: str) -> bool:
    """Say whether a part of that manifest goes by *nonce*."""
    return any(part.nonce == nonce for part in shelf.get(manifest).parts)


def owner_of(state: State, shelf: Shelf, nonce: str) -> Part:
    """Return the part, as it is on the disk, that goes by *nonce*."""
    return next(part for job in state.jobs for part in shelf.get(job.manifest).parts if part.nonce == nonce)


def is_known(state: State, shelf: Shelf, index: int) -> bool:
    """Say whether some part has that batch already."""
    parts = (part for job in state.jobs for part in shelf.get(job.manifest).parts)
    return any(part.batch_id == name_of(index) for part in parts)
