"""Beta features: asked for by a header of the create, for the whole batch."""

from contextlib import closing
from dataclasses import replace

import pytest

from batchbox.api.client import AnthropicApi
from tests.api.conftest import catch
from tests.api.wire import KEY, as_body, recording, write_body


def send(*betas: str) -> list[str]:
    """Return the header lines of a create, in order."""
    with recording() as host, closing(AnthropicApi(lambda: KEY, host.url, 1.0)) as api:
        catch(lambda: api.create(replace(as_body(write_body()), betas=betas), lambda: None))
        return [line for line in host.head.decode().split("\r\n") if not line.lower().startswith("host:")]


@pytest.mark.parametrize("betas", [("output-300k-2026-03-24",), ("one-2026-01-01", "two-2026-01-01")])
def test_betas_are_one_header_more(betas: tuple[str, ...]) -> None:
    """A list with commas, as the SDK sends it; all that it sends of its own is sent as well."""
    usual, sent = send(), send(*betas)
    (added,) = set(sent) - set(usual)
    assert added.lower() == f"anthropic-beta: {','.join(betas)}"
    assert set(usual) < set(sent)
    assert any(line.lower().startswith("anthropic-version:") for line in usual)
