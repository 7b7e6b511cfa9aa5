"""The endpoints: create, retrieve, list, cancel, delete and results of batches."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiohttp import web

from batchbox_sandbox import batches, effects, faults
from batchbox_sandbox.batches import Batch
from batchbox_sandbox.calls import CALL, Call, read_key
from batchbox_sandbox.checks import Dialect
from batchbox_sandbox.envelope import EnvelopeError
from batchbox_sandbox.faults import Fault
from batchbox_sandbox.replies import REQUEST_ID, Aborted, Refusal, abort, draw_id, write_json, write_refusal
from batchbox_sandbox.results import ResultStream
from batchbox_sandbox.state import State
from batchbox_sandbox.uploads import receive
from batchbox_sandbox.workspace import UnknownCursor

Answer = web.Response | ResultStream
Work = Callable[[State, web.Request, Fault | None], Awaitable[Answer]]

PATH = "/v1/messages/batches"
LARGEST_PAGE = 1_000
USUAL_PAGE = 20
# On a full queue; short, for here the queue empties within seconds.
RETRY_AFTER_SECONDS = 1


def add_routes(app: web.Application, state: State) -> None:
    """Give *app* the endpoints of the API, and an answer in its envelope for every other path."""
    for operation, method, path, work in (
        ("create", "POST", PATH, _create),
        ("list", "GET", PATH, _list),
        ("retrieve", "GET", PATH + "/{id}", _retrieve),
        ("delete", "DELETE", PATH + "/{id}", _delete),
        ("cancel", "POST", PATH + "/{id}/cancel", _cancel),
        ("results", "GET", PATH + "/{id}/results", _results),
        ("unknown", "*", "/{path:.*}", _refuse_path),
    ):
        app.router.add_route(method, path, partial(_handle, state, operation, work))


async def _handle(state: State, operation: str, work: Work, request: web.Request) -> web.StreamResponse:
    """Answer one call, whatever goes wrong with it, and log how it ended."""
    call = request[CALL] = state.calls.open(operation, request)
    request[REQUEST_ID] = draw_id("req")
    state.turn_clock()
    try:
        answer = await _perform(state, work, request, call)
        return await answer.send(request) if isinstance(answer, ResultStream) else answer
    except Refusal as refusal:
        return write_refusal(refusal, request[REQUEST_ID])
    except (Aborted, ConnectionError):
        call.settle("aborted")
        return abort(request)


async def _perform(state: State, work: Work, request: web.Request, call: Call) -> Answer:
    _authenticate(state, request)
    fault = state.faults.take(call.operation)
    call.fault = faults.read_name(fault)
    instead = await effects.before(fault, request)
    if instead is not None:
        return instead
    answer = await work(state, request, fault)
    instead = await effects.after(fault)
    return answer if instead is None else instead


def _authenticate(state: State, request: web.Request) -> None:
    key = read_key(request)
    if not key:
        raise Refusal(401, "x-api-key or Authorization: Bearer header is required")
    if state.settings.api_key not in (None, key):
        raise Refusal(401, "invalid x-api-key")


async def _create(state: State, request: web.Request, fault: Fault | None) -> Answer:
    upload = await receive(request, state.settings.max_bytes)
    try:
        requests = state.parse(upload)
    except EnvelopeError as error:
        raise Refusal(400, str(error)) from None
    _check_queue(state, len(requests))
    hide = fault if isinstance(fault, faults.Hide) else None
    accept = partial(state.accept, upload, requests, _read_dialect(request), hide=hide)
    if isinstance(fault, faults.LateStore):
        state.later(fault.seconds, accept)
        raise Aborted
    return _show(state, accept(), request, fault)


def _check_queue(state: State, count: int) -> None:
    limit = state.settings.queue_limit
    if limit is None or state.workspace.count_processing(state.now()) + count <= limit:
        return
    message = f"This would exceed the limit of {limit} batch requests in the processing queue"
    raise Refusal(429, message, headers={"retry-after": str(RETRY_AFTER_SECONDS)})


def _read_dialect(request: web.Request) -> Dialect:
    betas = request.headers.get("anthropic-beta", "").split(",")
    version = request.headers.get("anthropic-version", "")
    return Dialect(version, tuple(beta.strip() for beta in betas))


async def _retrieve(state: State, request: web.Request, fault: Fault | None) -> Answer:
    return _show(state, _find(state, request), request, fault)


async def _list(state: State, request: web.Request, fault: Fault | None) -> Answer:
    limit = _read_limit(request.query.get("limit"))
    after, before = request.query.get("after_id"), request.query.get("before_id")
    if after is not None and before is not None:
        raise Refusal(400, "after_id and before_id cannot be used together")
    page, more = _turn_page(state, min(limit, state.settings.largest_page), after, before)
    origin = effects.find_origin(fault, request)
    return write_json(
        {
            "data": [_view(state, batch, origin) for batch in page],
            "has_more": more,
            "first_id": page[0].id if page else None,
            "last_id": page[-1].id if page else None,
        }
    )


def _read_limit(text: str | None) -> int:
    if text is None:
        return USUAL_PAGE
    limit = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= limit <= LARGEST_PAGE:
        raise Refusal(400, f"limit: Input should be an integer from 1 to {LARGEST_PAGE}")
    return limit


def _turn_page(state: State, limit: int, after: str | None, before: str | None) -> tuple[list[Batch], bool]:
    try:
        return state.workspace.turn_page(limit, after, before, state.now())
    except UnknownCursor as error:
        match state.settings.bad_cursor:
            case "refuse":
                name = "after_id" if before is None else "before_id"
                raise Refusal(400, f"{name}: no batch has the id {error}") from None
            case "empty":
                return [], False
            case "ignore":
                return state.workspace.turn_page(limit, None, None, state.now())


async def _cancel(state: State, request: web.Request, fault: Fault | None) -> Answer:
    batch, now = _find(state, request), state.now()
    if batches.has_ended(batch, now) and state.settings.cancel_after_end == "refuse":
        raise Refusal(400, f"Batch {batch.id} has already ended and cannot be canceled")
    return _show(state, state.workspace.change(batch, batches.cancel, now), request, fault)


async def _delete(state: State, request: web.Request, _fault: Fault | None) -> Answer:
    batch, now = _find(state, request), state.now()
    if not batches.has_ended(batch, now) and state.settings.delete_while_live == "refuse":
        raise Refusal(400, f"Batch {batch.id} has not ended and cannot be deleted; cancel it first")
    state.workspace.change(batch, batches.delete, now)
    return write_json({"id": batch.id, "type": "message_batch_deleted"})


async def _results(state: State, request: web.Request, fault: Fault | None) -> Answer:
    batch, now = _find(state, request), state.now()
    if not batches.has_ended(batch, now):
        raise Refusal(state.settings.results_before_end, f"Batch {batch.id} has no results yet")
    if batches.is_archived(batch, now):
        raise Refusal(404, f"The results of batch {batch.id} are no longer available")
    return ResultStream(batch, state.settings, fault)


async def _refuse_path(_state: State, request: web.Request, _fault: Fault | None) -> Answer:
    raise Refusal(404, f"Not found: {request.method} {request.path}")


def _find(state: State, request: web.Request) -> Batch:
    batch_id = request.match_info["id"]
    batch = state.workspace.look(batch_id, state.now())
    if batch is None:
        raise Refusal(404, f"No batch has the id {batch_id}")
    return batch


def _show(state: State, batch: Batch, request: web.Request, fault: Fault | None) -> web.Response:
    return write_json(_view(state, batch, effects.find_origin(fault, request)))


def _view(state: State, batch: Batch, origin: str) -> dict[str, Any]:
    return batches.view(batch, state.now(), origin, state.settings.archived == "keep_url")
