"""What a fault does before and after the work of a call."""

import asyncio

from aiohttp import web

from batchbox_sandbox import faults
from batchbox_sandbox.replies import Aborted, Refusal, write_html
from batchbox_sandbox.uploads import discard


async def before(fault: faults.Fault | None, request: web.Request) -> web.Response | None:
    """Return the answer that *fault* puts in place of the work, if it does; or raise it."""
    match fault:
        case faults.Refuse():
            if not fault.early:
                await discard(request)
            raise _problem(fault)
        case faults.DropBefore():
            if fault.after_bytes != 0:
                await discard(request, fault.after_bytes)
            raise Aborted
        case faults.Html(after=False):
            await discard(request)
            return write_html(fault.status)
        case faults.Redirect():
            await discard(request)
            return web.Response(status=fault.status, headers={"Location": fault.location})
        case faults.NotFound():
            raise Refusal(404, "Not found (ordered from the sandbox)")
        case _:
            return None


async def after(fault: faults.Fault | None) -> web.Response | None:
    """Return the answer that *fault* puts in place of the true one, if it does; or raise it."""
    match fault:
        case faults.DropAfter() | faults.Hide(lost=True):
            raise Aborted
        case faults.ErrorAfter():
            raise _problem(fault)
        case faults.Html(after=True):
            return write_html(fault.status)
        case faults.Garbage():
            return web.Response(text='{"id": "msgbatch_', content_type="application/json")
        case faults.Empty():
            return web.Response(content_type="application/json")
        case faults.Late():
            await asyncio.sleep(fault.seconds)
            return None
        case _:
            return None


def find_origin(fault: faults.Fault | None, request: web.Request) -> str:
    """Return the origin that `results_url` is to name: our own, as the client sees it, or an ordered one."""
    match fault:
        case faults.ForeignResultsUrl():
            return fault.url.rstrip("/")
        case faults.RelativeResultsUrl():
            return ""
        case _:
            return f"{request.scheme}://{request.host}"


def _problem(fault: faults.Refuse | faults.ErrorAfter) -> Refusal:
    headers = dict(fault.headers)
    if fault.retry_after is not None:
        headers["retry-after"] = str(fault.retry_after)
    return Refusal(
        fault.status,
        fault.message,
        error_type=fault.error_type,
        error_code=fault.error_code,
        headers=headers,
    )
