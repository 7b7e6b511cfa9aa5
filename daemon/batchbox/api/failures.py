"""What a failed call means, in words of `core.errors`.

Whether a create was done is known for certain only from an answer that the API itself wrote: a 4xx in its
own error envelope. A 413 counts in any form, because the edge in front of the API sends it
(https://platform.claude.com/docs/en/api/errors). 408 and 409 do not count, nor does any 5xx, 529
included: such an answer can follow a batch that was created.
"""

from collections.abc import Mapping

import anthropic

from batchbox.core.errors import BatchboxError, InDoubt, Refused, TryLater

NOT_FOUND = 404
TOO_LARGE = 413
OWN_ANSWERS = frozenset(range(400, 500)) - {408, 409}
WAITING_STATUS = frozenset({401, 402, 403, 404, 405, 429})
WAITING_CODES = frozenset({"organization_on_hold", "cmek_key_disabled", "request_body_timeout"})
SPEND_LIMIT = "You have reached your specified"  # of a 400: the customer's own limit

FIXES = {
    401: "the key is not accepted: correct the key file, or restart with a valid key; drop nothing again",
    402: "settle the account's billing; sending goes on by itself",
    403: "the key may not do this: use one of the right workspace; sending goes on by itself",
    404: "nothing answers there: check ANTHROPIC_BASE_URL",
    413: "lower max_part_bytes and drop the file again",
    429: "nothing to do: sending goes on when the API allows it",
}
CODE_FIXES = {
    "enforced_spend_limit_reached": "raise the spend limit, or wait for the next month",
    "organization_on_hold": "the organization is on hold: write to the API's support",
    "cmek_key_disabled": "enable the workspace's encryption key",
}


def explain_create(error: anthropic.APIError, committed: bool) -> BatchboxError:
    """Return what a failed create means. *committed*: the last byte may have left."""
    if isinstance(error, anthropic.APIStatusError):
        status, envelope = error.status_code, _envelope(error.body)
        definite = status in OWN_ANSWERS and envelope is not None
        if definite and _may_change(status, envelope or {}):
            return _later(error)
        if definite or status == TOO_LARGE:
            return _refusal(error, envelope or {})
    if committed:
        return InDoubt(_describe(error))
    return _later(error)


def explain_read(error: anthropic.APIError) -> TryLater:
    """Return what a failed list, retrieve or results call means: nothing is lost by asking again."""
    return _later(error)


def is_not_found(error: anthropic.APIError) -> bool:
    """Say whether the API says that there is no such batch."""
    return isinstance(error, anthropic.APIStatusError) and error.status_code == NOT_FOUND


def _envelope(body: object) -> Mapping[str, object] | None:
    inner = body.get("error") if isinstance(body, dict) and body.get("type") == "error" else None
    return inner if isinstance(inner, dict) else None


def _code(envelope: Mapping[str, object]) -> str:
    details = envelope.get("details")
    return str(details.get("error_code", "")) if isinstance(details, dict) else ""


def _may_change(status: int, envelope: Mapping[str, object]) -> bool:
    limit = str(envelope.get("message", "")).startswith(SPEND_LIMIT)
    return status in WAITING_STATUS or _code(envelope) in WAITING_CODES or limit


def _later(error: anthropic.APIError) -> TryLater:
    if not isinstance(error, anthropic.APIStatusError):
        return TryLater(_describe(error), "nothing to do: it is tried again", shared=True)
    envelope = _envelope(error.body) or {}
    fix = CODE_FIXES.get(_code(envelope)) or FIXES.get(error.status_code, "nothing to do: it is tried again")
    if str(envelope.get("message", "")).startswith(SPEND_LIMIT):
        fix = CODE_FIXES["enforced_spend_limit_reached"]
    return TryLater(_describe(error), fix, after=_asked(error), shared=True)


def _refusal(error: anthropic.APIStatusError, envelope: Mapping[str, object]) -> Refused:
    fix = FIXES.get(error.status_code, "correct what the API complains of and drop the file again")
    kind = {413: "request_too_large"}.get(error.status_code, "invalid_request_error")
    inner = dict(envelope) or {"type": kind, "message": _describe(error)}
    return Refused(_describe(error), fix, error=inner, request_id=error.request_id)


def _asked(error: anthropic.APIStatusError) -> float | None:
    try:
        return float(error.response.headers["retry-after"])
    except (KeyError, ValueError):
        return None


def _describe(error: anthropic.APIError) -> str:
    if isinstance(error, anthropic.APIStatusError):
        envelope = _envelope(error.body)
        if envelope:
            return f"the API said {error.status_code} {envelope.get('type')}: {envelope.get('message')}"
        return f"the API's address answered {error.status_code}, not in the API's own words"
    if isinstance(error, anthropic.APITimeoutError):
        return "the API did not answer in time"
    cause = error.__cause__
    return f"the connection to the API failed ({cause or error})"
