"""Pure: the bytes of a create -> its requests, or the 400 that the API would give.

Only the envelope is looked at here. The API checks `params` after the create was answered, see `checks`.
The requests stay views into the body: 100,000 of them cost no second copy.
"""

import mmap
from typing import Annotated, Any, NamedTuple

import msgspec

# \Z and not $, which would let a trailing newline through.
ID_PATTERN = r"^[a-zA-Z0-9_-]{1,64}\Z"
ID_LONGEST = 64

Body = bytes | mmap.mmap


class EnvelopeError(ValueError):
    """The create must be refused; the text is what the API would say."""


class Request(NamedTuple):
    """One request of a batch: its id, and its JSON as it came in."""

    custom_id: str
    raw: msgspec.Raw


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    requests: list[msgspec.Raw]


class _Item(msgspec.Struct, forbid_unknown_fields=True):
    custom_id: Annotated[str, msgspec.Meta(pattern=ID_PATTERN)]
    # Read in full, though only its type matters here: broken JSON anywhere means that nothing is created.
    params: dict[str, Any]


_ENVELOPE = msgspec.json.Decoder(_Envelope)
_ITEM = msgspec.json.Decoder(_Item)


def parse(data: Body, max_requests: int = 100_000, duplicates: bool = False) -> list[Request]:
    """Return the requests of a create's body, or raise `EnvelopeError`."""
    items = _open(data)
    if not items:
        raise EnvelopeError("requests: List should have at least 1 item after validation, not 0")
    if len(items) > max_requests:
        raise EnvelopeError(
            f"requests: List should have at most {max_requests} items after validation, not {len(items)}"
        )
    requests = [_read(index, raw) for index, raw in enumerate(items)]
    if not duplicates:
        _refuse_duplicates(requests)
    return requests


def _open(data: Body) -> list[msgspec.Raw]:
    try:
        return _ENVELOPE.decode(data).requests
    except msgspec.ValidationError:
        raise EnvelopeError(_explain_envelope(msgspec.json.decode(data, type=Any))) from None
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise EnvelopeError(f"The request body is not valid JSON: {error}") from None


def _read(index: int, raw: msgspec.Raw) -> Request:
    try:
        return Request(_ITEM.decode(raw).custom_id, raw)
    except msgspec.ValidationError:
        complaint = _explain_item(msgspec.json.decode(raw, type=Any))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        complaint = f" not valid JSON: {error}"
    raise EnvelopeError(f"requests.{index}{complaint}")


def _refuse_duplicates(requests: list[Request]) -> None:
    first: dict[str, int] = {}
    for index, request in enumerate(requests):
        earlier = first.setdefault(request.custom_id, index)
        if earlier != index:
            raise EnvelopeError(
                f"requests.{index}.custom_id: `{request.custom_id}` is already used by requests.{earlier}; "
                "each custom_id must be unique within its batch"
            )


def _explain_envelope(body: object) -> str:
    if not isinstance(body, dict):
        return "Input should be an object with the key `requests`"
    extra = [key for key in body if key != "requests"]
    if extra:
        return f"{extra[0]}: Extra inputs are not permitted"
    if "requests" not in body:
        return "requests: Field required"
    return "requests: Input should be a valid list"


def _explain_item(item: object) -> str:
    if not isinstance(item, dict):
        return ": Input should be an object"
    for key in ("custom_id", "params"):
        if key not in item:
            return f".{key}: Field required"
    for key in item:
        if key not in ("custom_id", "params"):
            return f".{key}: Extra inputs are not permitted"
    if not isinstance(item["params"], dict):
        return ".params: Input should be an object"
    return f".custom_id: {_explain_id(item['custom_id'])}"


def _explain_id(value: object) -> str:
    if not isinstance(value, str):
        return "Input should be a valid string"
    if not value:
        return "String should have at least 1 character"
    if len(value) > ID_LONGEST:
        return f"String should have at most {ID_LONGEST} characters"
    return "String should match pattern '^[a-zA-Z0-9_-]{1,64}$'"
