"""Export: whoever asks for the metrics gets them, whatever others who ask do."""

import socket
import urllib.request
from contextlib import suppress
from threading import Event, Thread

import pytest

from batchbox.ports.clock import SystemClock
from batchbox.telemetry import metrics_export
from batchbox.telemetry.metrics import Metrics


def test_one_who_asks_a_byte_at_a_time_keeps_nobody_waiting_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """He is cut off after a time, however busy he is."""
    monkeypatch.setattr(metrics_export, "LONGEST", 0.3)
    server = metrics_export.serve(Metrics(SystemClock(), "1", "/srv"), "127.0.0.1:0")
    port, begun, over = server.socket.getsockname()[1], Event(), Event()

    def trickle() -> None:
        with suppress(OSError), socket.create_connection(("127.0.0.1", int(port))) as link:
            link.sendall(b"GET /metrics")
            begun.set()
            while not over.wait(0.05):
                link.sendall(b"x")

    slow = Thread(target=trickle, daemon=True)
    slow.start()
    assert begun.wait(10)
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as answer:
        assert b"batchbox_jobs" in answer.read()
    over.set()
    slow.join(10)
    server.server_close()
