"""Plain lines: batch requests with nothing odd about them, read at the speed of the decoder.

Nearly every line of a large file is one. What is read here is read as `request_lines` would read it, only
many at a time; all else, mistakes first of all, is left to a closer look.
"""

from collections.abc import Sequence
from typing import Annotated

import msgspec

from batchbox.domain.wire_ids import base_of
from batchbox.formats.request_lines import Request


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    custom_id: Annotated[str, msgspec.Meta(min_length=1)]
    params: msgspec.Raw


class _Params(msgspec.Struct):
    model: msgspec.Raw
    max_tokens: Annotated[int, msgspec.Meta(ge=1)]
    messages: msgspec.Raw
    stream: bool = False
    speed: str = ""


_read_line = msgspec.json.Decoder(_Line).decode
_read_params = msgspec.json.Decoder(_Params).decode


def read_plain(first: int, lines: Sequence[bytes]) -> list[Request] | None:
    """Return the requests of *lines*, of which *first* is the first's number; None if any is not plain.

    The caller has seen to it that they are UTF-8.
    """
    try:
        found = [_read_line(line) for line in lines]
        params = [_read_params(line.params) for line in found]
    except (msgspec.DecodeError, RecursionError):
        return None
    if any(one.stream or one.speed for one in params):
        return None
    return [
        Request(
            number,
            base_of(number, line.custom_id),
            line.custom_id,
            line.params,
            bytes(one.model),
            one.max_tokens,
        )
        for number, (line, one) in enumerate(zip(found, params, strict=True), start=first)
    ]
