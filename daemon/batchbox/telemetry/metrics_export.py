"""Export: the metrics as a file for node_exporter, and for whoever asks at `metrics_listen`."""

import os
import socket
import stat
from collections.abc import Callable
from contextlib import suppress
from http.server import HTTPServer
from threading import Thread, Timer
from typing import Any

import structlog
from prometheus_client import generate_latest
from prometheus_client.exposition import MetricsHandler

from batchbox.ports.clock import Clock
from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox.telemetry.metrics import Metrics

UNIX = "unix:"
EVERY = 15.0  # seconds, a usual time between two scrapes
TRY_AGAIN = 60.0
PROBE_SECONDS = 1.0
LONGEST = 10.0  # seconds for one who asks: the next ones wait
NO_POLLING = 86400.0  # seconds: the thread ends with the process, so it need not look whether it should
READERS_MODE = 0o660  # of a UNIX socket: its user and its group

log = structlog.get_logger()


class _Handler(MetricsHandler):
    timeout = 5.0  # seconds of silence


class _Server(HTTPServer):
    """Answers one at a time, in a thread of its own: many that ask at once take no more memory."""

    def server_bind(self) -> None:
        """Bind, without asking any name server what this host is called."""
        if isinstance(self.server_address, str):
            _remove_stale(self.server_address)
        self.socket.bind(self.server_address)
        if isinstance(self.server_address, str):
            os.chmod(self.server_address, READERS_MODE)  # nobody can connect before it listens

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Answer, within a time: one who asks a byte at a time must not keep the others waiting for ever."""
        end = Timer(LONGEST, request.shutdown, (socket.SHUT_RDWR,))
        end.daemon = True
        end.start()
        try:
            super().finish_request(request, client_address)
        finally:
            end.cancel()

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: whoever asked has gone."""


class _UnixServer(_Server):
    address_family = socket.AF_UNIX


class _Server6(_Server):
    address_family = socket.AF_INET6


def _remove_stale(path: str) -> None:
    """Remove the socket of a process that has died; one that answers, and what is none, stay."""
    with suppress(FileNotFoundError):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            return
        with socket.socket(socket.AF_UNIX) as probe:
            probe.settimeout(PROBE_SECONDS)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)


def serve(metrics: Metrics, where: str) -> HTTPServer:
    """Serve *metrics* at *where*, as `metrics_listen` spells it. Raise `OSError` if it is taken.

    Prometheus gets OpenMetrics, as it asks for it; others the plain text format.
    """
    handler = _Handler.factory(metrics.registry)
    host, _, port = where.rpartition(":")
    if where.startswith(UNIX):
        path: Any = where.removeprefix(UNIX)  # typeshed knows addresses of hosts only
        server: HTTPServer = _UnixServer(path, handler)
    elif host.startswith("["):
        server = _Server6((host.strip("[]"), int(port)), handler)
    else:
        server = _Server(("127.0.0.1" if host == "localhost" else host, int(port)), handler)
    Thread(target=server.serve_forever, args=(NO_POLLING,), daemon=True).start()
    return server


class Export:
    """A pulse: hands out the metrics. *write* replaces the file that node_exporter reads."""

    every = EVERY

    def __init__(
        self, metrics: Metrics, clock: Clock, write: Callable[[bytes], None], listen: str | None
    ) -> None:
        self._metrics = metrics
        self._clock = clock
        self._write = write
        self._listen = listen
        self._server: HTTPServer | None = None
        self._next_try = float("-inf")
        self._next_write = float("-inf")
        self._written: object = None
        self._has_spool = False
        self._changes = 0

    def count(self, event: str, facts: dict[str, object]) -> None:
        """Hear of an event; several threads tell of theirs."""
        self._metrics.count(event, facts)
        self._changes += 1  # a change that is lost to another thread's is written a little later

    def beat(self, condition: StatusSnapshot) -> None:
        """Take in how things are; write if anything is new, or it is time."""
        now = self._clock.monotonic()
        if self._listen and self._server is None and now >= self._next_try:
            self._try_to_serve(self._listen, now)
        state = (_essence(condition), self._changes)
        self._has_spool = not condition.offline
        is_due = state != self._written or now >= self._next_write
        if is_due or self._server:  # in an idle second nobody would see it
            self._metrics.gauge(condition)
        if is_due:
            self._written, self._next_write = state, now + EVERY
            self._put_down()

    def _put_down(self) -> None:
        if not self._has_spool:
            return  # what lies in its place gets no file of ours
        with suppress(OSError):  # a full disk must not stop the work that may free it
            # node_exporter reads the plain text format only (its issue 1988), not OpenMetrics
            self._write(generate_latest(self._metrics.registry))

    def _try_to_serve(self, where: str, now: float) -> None:
        self._next_try = now + TRY_AGAIN
        try:
            self._server = serve(self._metrics, where)
        except OSError as error:
            fix = (
                "see that nobody else listens there and that a socket's folder exists, or change "
                "metrics_listen; state/metrics.prom is written all the same"
            )
            problem = f"cannot listen at {where}: {error.strerror or error}"
            log.error("metrics.unavailable", problem=problem, fix=fix)

    def close(self) -> None:
        """Write what was counted last, and leave no socket behind."""
        self._put_down()
        if self._server and self._listen and self._listen.startswith(UNIX):
            with suppress(OSError):
                os.unlink(self._listen.removeprefix(UNIX))


def _essence(condition: StatusSnapshot) -> object:
    """Return what of *condition* is worth writing for: not that time has passed."""
    counts = sorted(condition.jobs.items()), condition.waiting, condition.held
    return counts, condition.flags, condition.problem, condition.fix, condition.offline
