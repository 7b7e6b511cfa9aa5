"""Answers as HTTP: envelope, headers, aborted connections."""

import contextlib
import secrets
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

import msgspec
from aiohttp import web

ORGANIZATION = "sandbox-organization"
WORKSPACE = "sandbox-workspace"
REQUEST_ID = web.RequestKey("request_id", str)

ERROR_TYPES = {
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    409: "conflict_error",
    413: "request_too_large",
    429: "rate_limit_error",
    504: "timeout_error",
    529: "overloaded_error",
}


class Aborted(Exception):
    """The connection is to end, or has ended, without an answer."""


@dataclass(eq=False)
class Refusal(Exception):
    """The call is answered with an error in the API's envelope."""

    status: int
    message: str
    error_type: str | None = None
    error_code: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    # Ends the connection as well, when the rest of the body is not wanted.
    close: bool = False


def guess_type(status: int) -> str:
    """Return the `error.type` that usually comes with *status*."""
    usual = "api_error" if status >= HTTPStatus.INTERNAL_SERVER_ERROR else "invalid_request_error"
    return ERROR_TYPES.get(status, usual)


def write_json(payload: Any, status: int = 200) -> web.Response:
    """Return *payload* as a JSON answer."""
    return web.Response(status=status, body=msgspec.json.encode(payload), content_type="application/json")


def write_refusal(refusal: Refusal, request_id: str) -> web.Response:
    """Return *refusal* in the API's error envelope."""
    error: dict[str, Any] = {
        "type": refusal.error_type or guess_type(refusal.status),
        "message": refusal.message,
    }
    if refusal.error_code:
        error["details"] = {"error_code": refusal.error_code}
    response = write_json({"type": "error", "error": error, "request_id": request_id}, refusal.status)
    response.headers.update(refusal.headers)
    if refusal.close:
        # The server goes on reading for a while, so that the answer is not lost with the unread body.
        response.force_close()
    return response


def write_html(status: int) -> web.Response:
    """Return an error page as a proxy in front of the API would send it."""
    text = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>\n"
    return web.Response(status=status, text=text, content_type="text/html")


def add_headers(request: web.Request, response: web.StreamResponse, now: float) -> None:
    """Give *response* the headers that the API puts on every answer, faults included."""
    response.headers["Date"] = formatdate(now, usegmt=True)
    response.headers["request-id"] = request[REQUEST_ID]
    response.headers["anthropic-organization-id"] = ORGANIZATION
    response.headers["anthropic-workspace-id"] = WORKSPACE


def draw_id(prefix: str) -> str:
    """Return an id that nobody has had before."""
    return f"{prefix}_01{secrets.token_hex(11)}"


def abort(request: web.Request) -> web.Response:
    """Reset the connection of *request*; what is returned is never sent."""
    transport = request.transport
    if transport is not None:
        # Without lingering the close is a reset, and what was still to be sent is thrown away.
        with contextlib.suppress(OSError):
            sock = transport.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
    return web.Response()


def hang_up(request: web.Request) -> None:
    """Close the connection of *request* once everything written so far has been sent."""
    if request.transport is not None:
        request.transport.close()
