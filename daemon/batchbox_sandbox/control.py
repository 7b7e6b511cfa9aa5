"""The endpoints under /sandbox/, for tests and for curl.

Every body is a JSON object. A wrong one is answered 400 with `{"error": ...}`, which names the values
that are known. Nothing here needs a key, and nothing here is logged as an API call.

Order a fault (fields: see `faults`), look at the open orders, forget them:

    curl -d '{"at": "create", "fault": "refuse", "status": 429, "retry_after": 1}' $URL/sandbox/faults
    curl -d '{"at": "results", "fault": "cut", "where": "line_end", "rows": 2}' $URL/sandbox/faults
    curl $URL/sandbox/faults
    curl -X DELETE $URL/sandbox/faults

Order what becomes of the next requests whose raw JSON contains a text (fields: see `outcomes`):

    curl -d '{"match": "line-000002", "outcome": "expired"}' $URL/sandbox/outcomes
    curl $URL/sandbox/outcomes

See every batch ever accepted, and every API call:

    curl $URL/sandbox/batches
    curl $URL/sandbox/calls

Move things on; `end` without a `batch_id` ends everything that is live, and `skews` are how wrong the
clocks of the machines are that answer the next calls in turn:

    curl -d '{}' $URL/sandbox/end
    curl -d '{"batch_id": "msgbatch_01..."}' $URL/sandbox/expire
    curl -d '{"batch_id": "msgbatch_01..."}' $URL/sandbox/archive
    curl -d '{"batch_id": "msgbatch_01..."}' $URL/sandbox/delete
    curl -d '{"count": 3, "custom_id_prefix": "theirs-"}' $URL/sandbox/stranger
    curl -d '{"pass_seconds": 3600}' $URL/sandbox/clock
    curl -d '{"skews": [600, -600]}' $URL/sandbox/clock
    curl -d '{}' $URL/sandbox/reset
"""

from collections.abc import Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import msgspec
from aiohttp import web

from batchbox_sandbox import batches, faults, outcomes
from batchbox_sandbox.batches import Batch, Change
from batchbox_sandbox.envelope import EnvelopeError
from batchbox_sandbox.faults import BadOrder
from batchbox_sandbox.replies import write_json
from batchbox_sandbox.state import State

Body = dict[str, Any]
Act = Callable[[State, Body], Any]
Form = TypeVar("Form", bound=msgspec.Struct)

CHANGES: dict[str, Change] = {
    "end": batches.end,
    "expire": batches.expire,
    "archive": batches.archive,
    "delete": batches.delete,
}


class _Stranger(msgspec.Struct, forbid_unknown_fields=True):
    count: int = 1
    custom_id_prefix: str = "stranger-"
    batches: Annotated[int, msgspec.Meta(ge=1)] = 1


class _Clock(msgspec.Struct, forbid_unknown_fields=True):
    pass_seconds: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    skews: list[float] | None = None


class _Target(msgspec.Struct, forbid_unknown_fields=True):
    batch_id: str | None = None


def add_routes(app: web.Application, state: State) -> None:
    """Give *app* the control endpoints."""
    acts: list[tuple[str, str, Act]] = [
        ("POST", "faults", _order_fault),
        ("GET", "faults", lambda state, _: state.faults.show()),
        ("DELETE", "faults", lambda state, _: state.faults.clear()),
        ("POST", "outcomes", _order_outcome),
        ("GET", "outcomes", lambda state, _: state.outcomes.show()),
        ("DELETE", "outcomes", lambda state, _: state.outcomes.clear()),
        ("GET", "batches", _show_batches),
        ("GET", "calls", lambda state, _: state.calls.show()),
        ("POST", "stranger", _add_stranger),
        ("POST", "clock", _set_clock),
        ("POST", "reset", lambda state, _: state.reset()),
        *(("POST", name, partial(_change, name)) for name in CHANGES),
    ]
    for method, name, act in acts:
        app.router.add_route(method, f"/sandbox/{name}", partial(_handle, state, act))
    known = ", ".join(f"{method} /sandbox/{name}" for method, name, _ in acts)
    app.router.add_route("*", "/sandbox{path:.*}", partial(_refuse_path, known))


async def _handle(state: State, act: Act, request: web.Request) -> web.Response:
    try:
        return write_json(act(state, _read_body(await request.read())))
    except (BadOrder, EnvelopeError) as error:
        return write_json({"error": str(error)}, 400)


async def _refuse_path(known: str, request: web.Request) -> web.Response:
    return write_json({"error": f"{request.method} {request.path} is not known; known: {known}"}, 404)


def _read_body(data: bytes) -> Body:
    try:
        return msgspec.json.decode(data or b"{}", type=Body)
    except msgspec.DecodeError as error:
        raise BadOrder(f"The body must be a JSON object: {error}") from None


def _convert(body: Body, kind: type[Form]) -> Form:
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise BadOrder(f"{error}; known details: {', '.join(kind.__struct_fields__)}") from None


def _order_fault(state: State, body: Body) -> None:
    state.faults.add(faults.read_order(body))


def _order_outcome(state: State, body: Body) -> None:
    state.outcomes.add(outcomes.read_order(body))


def _show_batches(state: State, _: Body) -> list[Body]:
    now = state.now()
    return [
        {
            "id": batch.id,
            "count": len(batch.requests),
            "custom_ids": [request.custom_id for request in batch.requests],
            "crc32": batch.crc32,
            "bytes": batch.size,
            "created_at": batches.stamp(batch.created_at),
            "status": batches.find_status(batch, now),
            "deleted": batch.deleted_at is not None,
            "stranger": batch.stranger,
        }
        for batch in state.workspace.all()
    ]


def _add_stranger(state: State, body: Body) -> Body:
    form = _convert(body, _Stranger)
    created = [state.accept_stranger(form.count, form.custom_id_prefix) for _ in range(form.batches)]
    return {"id": created[0].id, "ids": [batch.id for batch in created]}


def _set_clock(state: State, body: Body) -> None:
    form = _convert(body, _Clock)
    state.pass_time(form.pass_seconds)
    if form.skews is not None:
        state.order_skews(form.skews)


def _change(name: str, state: State, body: Body) -> Body:
    """Change one batch, or with `end` every live one, and return the ids of what was changed."""
    now = state.now()
    chosen = _choose(name, state, _convert(body, _Target).batch_id)
    live = [batch for batch in chosen if name in ("archive", "delete") or not batches.has_ended(batch, now)]
    for batch in live:
        state.workspace.change(batch, CHANGES[name], now)
    return {"ids": [batch.id for batch in live]}


def _choose(name: str, state: State, batch_id: str | None) -> list[Batch]:
    if batch_id is None and name == "end":
        return state.workspace.all()
    batch = state.workspace.get(batch_id or "")
    if batch is None:
        known = ", ".join(each.id for each in state.workspace.all()) or "none"
        raise BadOrder(f"batch_id: {batch_id!r} is not known; known batches: {known}")
    return [batch]
