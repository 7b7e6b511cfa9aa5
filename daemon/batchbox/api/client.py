"""The only code that speaks to Anthropic.

The SDK is used for what it knows (address, authentication, version header, error classes) and kept from
what would cost money: it never repeats a call (`max_retries=0`: each repeated create is another paid
batch), never follows a redirect (the prompts would go with it), takes no key, address or proxy from the
environment, and sends the key to no other origin.
"""

import socket
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import anthropic
import httpx2

from batchbox.api.calls import Call, note_call
from batchbox.api.failures import BETA, explain_create, explain_read, is_not_found
from batchbox.api.prices import find_tiers, price_rows
from batchbox.api.wire import read_batch, read_page
from batchbox.domain.batch import Batch, Page
from batchbox.domain.errors import Damaged, Gone, InDoubt, TryLater
from batchbox.domain.usage import PricedUsage
from batchbox.ports.api import Body

BATCHES = "/v1/messages/batches"
JSON = "application/json"
CHUNK = 1 << 18
CONNECT_SECONDS = 10.0
STALL_SECONDS = 60.0
READING = httpx2.Timeout(STALL_SECONDS, connect=CONNECT_SECONDS)
LINGER_NONE = struct.pack("ii", 1, 0)

# A killed process's kernel would still deliver what lies in the socket's buffer, the last byte of a body
# included; with a linger of 0 it resets the connection instead. TCP_USER_TIMEOUT ends a send that
# nobody acknowledges (socket(7), tcp(7)).
SOCKET_OPTIONS: list[tuple[int, int, int] | tuple[int, int, bytes | bytearray]] = [
    (socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NONE)
]
if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux only
    SOCKET_OPTIONS.append((socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(STALL_SECONDS * 1000)))


def _path(batch_id: str) -> str:
    return f"{BATCHES}/{quote(batch_id, safe='')}"


class _WithheldBody:
    """Gives a body's bytes once, and calls *commit* when all but the last are out of our hands.

    Their checksum is taken on the way: a body that has rotted stays without its last byte, and so unpaid.
    """

    def __init__(self, body: Body, commit: Callable[[], None]) -> None:
        self._body = body
        self._commit = commit
        self.committed = False
        self.sent = 0
        self.failure: Exception | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._read()
        except Exception as failure:
            self.failure = failure  # the SDK would hide it behind a connection error
            raise

    def _read(self) -> Iterator[bytes]:
        checksum = 0
        with self._body.open() as file:
            left = self._body.size - 1
            while left and (chunk := file.read(min(CHUNK, left))):
                checksum = zlib.crc32(chunk, checksum)
                left -= len(chunk)
                yield chunk
                self.sent += len(chunk)
                self._body.note(len(chunk))
            last = file.read(2)  # and no more
        if len(last) != 1 or zlib.crc32(last, checksum) != self._body.crc32:
            raise Damaged(
                "what was to be sent is not what was written", "check the disk, then drop the file again"
            )
        self._commit()
        self.committed = True
        self.sent += 1
        yield last


def _post(client: anthropic.Anthropic, content: _WithheldBody, headers: dict[str, str]) -> httpx2.Response:
    with note_call("create") as call:
        try:
            return client.post(
                BATCHES, cast_to=httpx2.Response, content=content, options={"headers": headers}
            )
        finally:
            call.sent = content.sent


def _count(chunks: Iterator[bytes], call: Call) -> Iterator[bytes]:
    for chunk in chunks:
        call.received += len(chunk)
        yield chunk


class AnthropicApi:
    """`ports.storage.Api` over HTTP.

    *read_key* gives the key; it is asked again whenever the API has not accepted one, and for each
    create, so that a corrected key file heals by itself. *answer_seconds*: how long a create may wait.
    *door*: a UNIX socket behind which the API is; TLS and the host are those of *base_url* all the same.
    """

    def __init__(
        self,
        read_key: Callable[[], str],
        base_url: str,
        answer_seconds: float = 600.0,
        door: Path | None = None,
    ) -> None:
        self._read_key = read_key
        # what is left in a UNIX socket's buffer is delivered, and none of the options is known to it: a part
        # whose sender was killed is in doubt for longer than that takes
        self._way: dict[str, Any] = {"uds": str(door)} if door else {"socket_options": SOCKET_OPTIONS}
        self._base_url = base_url.rstrip("/")
        self._answer = httpx2.Timeout(answer_seconds, connect=CONNECT_SECONDS, write=STALL_SECONDS)
        self._tls = httpx2.create_ssl_context(trust_env=False)  # read once: 20 ms of work for each create
        self._reader = self._connect(READING)

    def close(self) -> None:
        """Close the connections that reads have left open."""
        self._reader.close()

    def _explain(self, error: anthropic.APIError) -> TryLater:
        refused = self._reader
        if isinstance(error, anthropic.AuthenticationError) and self._read_key() != refused.api_key:
            self._reader = self._connect(READING)
            refused.close()
        return explain_read(error, refused.api_key or "")

    def _connect(self, timeout: httpx2.Timeout) -> anthropic.Anthropic:
        transport = httpx2.HTTPTransport(verify=self._tls, trust_env=False, **self._way)
        client = httpx2.Client(transport=transport, timeout=timeout, follow_redirects=False, trust_env=False)
        return anthropic.Anthropic(
            api_key=self._read_key(),
            base_url=self._base_url,
            http_client=client,
            timeout=timeout,
            max_retries=0,
            open_telemetry=False,
        )

    def create(self, body: Body, commit: Callable[[], None]) -> Batch:
        """Send a part on a connection of its own, so that no stale one can swallow it."""
        content = _WithheldBody(body, commit)
        headers = {"Content-Length": str(body.size), "Content-Type": JSON}
        # for the whole batch: the API takes no betas in params, and none for the results
        headers |= {BETA: ",".join(body.betas)} if body.betas else {}
        with self._connect(self._answer) as client:
            try:
                answer = _post(client, content, headers)
            except anthropic.APIError as error:
                if content.failure and not content.committed:
                    raise content.failure from None
                raise explain_create(error, content.committed, client.api_key or "") from None
        if not content.committed:
            raise TryLater("the API answered before the request was complete", shared=True)
        try:
            return read_batch(answer.content)
        except TryLater as error:
            raise InDoubt(error.problem) from None

    def page(self, after: str | None = None, limit: int = 1000) -> Page:
        """Ask for one page of the list."""
        query = {"limit": limit} | ({"after_id": after} if after else {})
        return read_page(self._list({"params": query}).content)

    def look(self, limit: int, seconds: float) -> tuple[Page, str | None]:
        """Ask for the newest batches, waiting that long; return them and the answer's Date header."""
        answer = self._list({"params": {"limit": limit}, "timeout": seconds})
        return read_page(answer.content), answer.headers.get("date")

    def _list(self, options: anthropic.RequestOptions) -> httpx2.Response:
        try:
            return self._read("list", BATCHES, options)
        except anthropic.APIError as error:
            raise self._explain(error) from None

    def retrieve(self, batch_id: str) -> Batch | None:
        """Ask for one batch; a 404 is normal for a while after its creation."""
        try:
            answer = self._read("retrieve", _path(batch_id), {})
        except anthropic.APIError as error:
            if is_not_found(error):
                return None
            raise self._explain(error) from None
        return read_batch(answer.content)

    def _read(self, kind: str, path: str, options: anthropic.RequestOptions) -> httpx2.Response:
        with note_call(kind) as call:
            answer = self._reader.get(path, cast_to=httpx2.Response, options=options)
            call.received = len(answer.content)
        return answer

    def cancel(self, batch_id: str) -> bool:
        """Ask for a batch's end; one that has ended, or is not to be seen yet, cannot be canceled."""
        try:
            with note_call("cancel"):
                self._reader.post(f"{_path(batch_id)}/cancel", cast_to=httpx2.Response)
        except anthropic.APIError as error:
            if isinstance(
                error, (anthropic.NotFoundError, anthropic.BadRequestError, anthropic.ConflictError)
            ):
                return False
            raise self._explain(error) from None
        return True

    @contextmanager
    def rows(self, batch: Batch) -> Iterator[Iterator[bytes]]:
        """Stream the results from our own origin, whatever host the batch names."""
        if batch.archived_at:
            raise Gone(f"the results of {batch.id} were archived on {batch.archived_at}")
        url = self._results_url(batch)
        try:
            with note_call("results") as call, self._stream(url) as chunks:
                yield _count(chunks, call)
        except anthropic.APIError as error:
            if is_not_found(error):
                raise TryLater(f"the results of {batch.id} are not there yet") from None
            raise self._explain(error) from None
        except httpx2.HTTPError as error:
            raise TryLater(f"the results of {batch.id} broke off ({error})") from None

    @contextmanager
    def _stream(self, url: str) -> Iterator[Iterator[bytes]]:
        headers = {"Accept": "application/binary", "X-Stainless-Raw-Response": "stream"}
        answer = self._reader.get(url, cast_to=httpx2.Response, options={"headers": headers})
        try:
            yield answer.iter_bytes()
        finally:
            answer.close()

    def _results_url(self, batch: Batch) -> str:
        ours = f"{self._base_url}{_path(batch.id)}/results"
        named = urljoin(ours, batch.results_url or ours)
        same_origin = urlsplit(named)[:2] == urlsplit(ours)[:2]
        return named if same_origin else ours

    def tiers(self, model: str, at: datetime) -> tuple[int, ...]:
        """Ask the price library."""
        return find_tiers(model, at)

    def price(self, model: str, spent: PricedUsage, at: datetime, in_batch: bool = True) -> float | None:
        """Ask the price library."""
        return price_rows(model, spent, at, in_batch)
