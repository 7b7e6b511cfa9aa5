"""What a failed call means, in words of `domain.errors`.

Whether a create was done is known for certain only from an answer that the API itself wrote: a 4xx in its
own error envelope. A 413 counts in any form, because the edge in front of the API sends it
(https://platform.claude.com/docs/en/api/errors). 408 and 409 do not count, nor does any 5xx, 529
included: such an answer can follow a batch that was created.
"""

import json
from collections.abc import Mapping

import anthropic

from batchbox.domain.errors import NOTHING_TO_DO, BatchboxError, InDoubt, Refused, TryLater

NOT_FOUND = 404
TOO_LARGE = 413
TOO_MANY = 429
OWN_ANSWERS = frozenset(range(400, 500)) - {408, 409}
WAITING_STATUS = frozenset({401, 402, 403, 404, 405, 429})
ABOUT_THE_ACCOUNT = frozenset({401, 402, 403, 404})  # of other answers, the words may repeat a prompt
WORDS_SHOWN = 200
TRIED_AGAIN = f"{NOTHING_TO_DO}: it is tried again"
WAITING_CODES = frozenset({"organization_on_hold", "cmek_key_disabled", "request_body_timeout"})
SPEND_LIMIT = "You have reached your specified"  # of a 400: the customer's own limit

FIXES = {
    401: "the key is not accepted: put a valid one in its place, and restart unless it is an api_key_file",
    402: "settle the account's billing; sending goes on by itself",
    403: "the key may not do this: use one of the right workspace; sending goes on by itself",
    404: "nothing answers there: check ANTHROPIC_BASE_URL",
    413: "lower max_part_bytes and drop the file again",
    429: f"{NOTHING_TO_DO}: sending goes on when the API allows it",
}
BETA = "anthropic-beta"  # the header, which the API names where it does not know a beta feature
BETA_FIX = (
    "the beta features of a queue are set in batchbox.toml: have whoever runs batchbox correct `betas` "
    "there, then drop the file again"
)
CODE_FIXES = {
    "enforced_spend_limit_reached": "raise the spend limit, or wait for the next month",
    "organization_on_hold": "the organization is on hold: write to the API's support",
    "cmek_key_disabled": "enable the workspace's encryption key",
}


def explain_create(error: anthropic.APIError, committed: bool, key: str) -> BatchboxError:
    """Return what a failed create means, without *key*. *committed*: the last byte may be out."""
    if isinstance(error, anthropic.APIStatusError):
        status, envelope = error.status_code, _envelope(error, key)
        definite = status in OWN_ANSWERS and bool(envelope)
        if definite and _may_change(status, envelope):
            return explain_read(error, key)
        if definite or status == TOO_LARGE:
            return _refusal(error, envelope, key)
    if committed:
        return InDoubt(_describe(error, key))
    return explain_read(error, key)


def explain_read(error: anthropic.APIError, key: str) -> TryLater:
    """Return what a failed list, retrieve or results call means: nothing is lost by asking again."""
    problem = _describe(error, key)
    if not isinstance(error, anthropic.APIStatusError):
        return TryLater(problem, TRIED_AGAIN, shared=True)
    envelope = _envelope(error, key)
    fix = CODE_FIXES.get(_code(envelope)) or FIXES.get(error.status_code, TRIED_AGAIN)
    if _tells_spend_limit(envelope):
        fix = CODE_FIXES["enforced_spend_limit_reached"]
    crowded = error.status_code == TOO_MANY and _is_about_room(error, envelope)
    return TryLater(problem, fix, after=_asked(error), shared=True, crowded=crowded)


def _is_about_room(error: anthropic.APIStatusError, envelope: Mapping[str, object]) -> bool:
    """Say whether a 429 may mean that too many requests wait at the API already.

    Those about money name a code, and those about too many calls tell that none is left: see
    https://platform.claude.com/docs/en/api/rate-limits.
    """
    calls_left = error.response.headers.get("anthropic-ratelimit-requests-remaining", "")
    return envelope.get("type") == "rate_limit_error" and not _code(envelope) and calls_left != "0"


def is_not_found(error: anthropic.APIError) -> bool:
    """Say whether the API says that there is no such batch."""
    return isinstance(error, anthropic.APIStatusError) and error.status_code == NOT_FOUND


def _envelope(error: anthropic.APIStatusError, key: str) -> Mapping[str, object]:
    """Return the API's error object, empty if the answer has none; a gateway might repeat the key in it."""
    body = error.body
    inner = body.get("error") if isinstance(body, dict) and body.get("type") == "error" else None
    if not isinstance(inner, dict):
        return {}
    clean: dict[str, object] = json.loads(_strike(json.dumps(inner), key))
    return clean


def _strike(text: str, key: str) -> str:
    return text.replace(key, "***") if key else text


def _code(envelope: Mapping[str, object]) -> str:
    details = envelope.get("details")
    return str(details.get("error_code", "")) if isinstance(details, dict) else ""


def _tells_spend_limit(envelope: Mapping[str, object]) -> bool:
    return str(envelope.get("message", "")).startswith(SPEND_LIMIT)


def _may_change(status: int, envelope: Mapping[str, object]) -> bool:
    return status in WAITING_STATUS or _code(envelope) in WAITING_CODES or _tells_spend_limit(envelope)


def _refusal(error: anthropic.APIStatusError, envelope: Mapping[str, object], key: str) -> Refused:
    fix = FIXES.get(error.status_code, "correct what the API complains of and drop the file again")
    if BETA in str(envelope.get("message", "")):
        fix = BETA_FIX
    brief = _summarize(error, envelope, key)
    kind = {413: "request_too_large"}.get(error.status_code, "invalid_request_error")
    inner = dict(envelope) or {"type": kind, "message": brief}
    problem = f"{brief}: {envelope['message']}" if "message" in envelope else brief
    return Refused(problem, fix, brief=brief, error=inner, request_id=error.request_id)


def _asked(error: anthropic.APIStatusError) -> float | None:
    try:
        return float(error.response.headers["retry-after"])
    except (KeyError, ValueError):
        return None


def _describe(error: anthropic.APIError, key: str) -> str:
    """Say what happened, fit for a log: the API's own words only where they are about the account."""
    if isinstance(error, anthropic.APIStatusError):
        envelope = _envelope(error, key)
        brief = _summarize(error, envelope, key)
        if error.status_code in ABOUT_THE_ACCOUNT or _tells_spend_limit(envelope):
            return f"{brief}: {str(envelope.get('message', ''))[:WORDS_SHOWN]}" if envelope else brief
        return brief
    if isinstance(error, anthropic.APITimeoutError):
        return "the API did not answer in time"
    cause = error.__cause__
    return _strike(f"the connection to the API failed ({cause or error})", key)


def _summarize(error: anthropic.APIStatusError, envelope: Mapping[str, object], key: str) -> str:
    if not envelope:
        return f"the API's address answered {error.status_code}, not in the API's own words"
    request = f" (request {error.request_id})" if error.request_id else ""
    return _strike(f"the API said {error.status_code} {envelope.get('type')}{request}", key)
