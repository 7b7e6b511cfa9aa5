"""The metrics of the real daemon: as a file, over loopback and over a UNIX socket."""

import socket
import stat
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from prometheus_client import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_plain

from tests.support.daemon import Box, request, wait_for

MISSED, OFFLINE = "batchbox_events_total", "spool.offline"
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
def port() -> int:
    """Give a port that is free on loopback."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        found: int = probe.getsockname()[1]
        return found


def pick(families: list[Metric], name: str, **labels: str) -> float | None:
    """Return the value of one series, None if there is none."""
    samples = [sample for family in families for sample in family.samples]
    return next(
        (one.value for one in samples if one.name == name and labels.items() <= one.labels.items()), None
    )


def read_file(box: Box) -> list[Metric]:
    path = box.root / "state" / "metrics.prom"
    return list(read_plain(path.read_text())) if path.exists() else []


def ask(path: str) -> str:
    """Return what is answered on a UNIX socket to a plain request."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(path)
        client.sendall(b"GET /metrics HTTP/1.0\r\n\r\n")
        return b"".join(iter(lambda: client.recv(1 << 16), b"")).decode()


def test_a_file_is_counted_from_drop_to_receipt(box: Box, port: int) -> None:
    """After one file: its calls, bytes, rows, tokens, cost and time are in the file, and over HTTP."""
    url = f"http://127.0.0.1:{port}/metrics"
    with box.running(BATCHBOX_METRICS_LISTEN=f"127.0.0.1:{port}"):
        box.drop("q.jsonl", request("a") + request("b"), queue="nightly")
        box.await_receipt("q", "nightly")
        counted = {"queue": "nightly", "status": "succeeded"}
        wait_for(lambda: pick(read_file(box), "batchbox_files_total", **counted) == 1, "the count")
        with urlopen(Request(url, headers={"Accept": OPENMETRICS}), timeout=10) as answer:
            assert "openmetrics" in answer.headers["Content-Type"]
            over_http = list(read_openmetrics(answer.read().decode()))  # type: ignore[no-untyped-call]
    for found in (read_file(box), over_http):
        assert pick(found, "batchbox_api_calls_total", call="create", outcome="ok") == 1
        assert (pick(found, "batchbox_bytes_total", way="sent") or 0) > 200
        assert (pick(found, "batchbox_bytes_total", way="received") or 0) > 200
        assert pick(found, "batchbox_rows_total", outcome="succeeded") == 2
        assert (pick(found, "batchbox_tokens_total", model="claude-sonnet-5-5", kind="output") or 0) > 0
        assert (pick(found, "batchbox_cost_usd_total", model="claude-sonnet-5-5") or 0) > 0
        assert pick(found, "batchbox_drop_to_published_seconds_count") == 1
        assert pick(found, "batchbox_uncounted_total") == 0
        assert (pick(found, "batchbox_last_scan_timestamp_seconds") or 0) > 0
    assert (box.root / "state" / "metrics.prom").stat().st_mode & 0o777 == 0o644


def test_a_socket_is_served_and_left_clean(box: Box, tmp_path: Path) -> None:
    """A socket that a killed daemon has left is replaced; its group may connect; a stop removes it."""
    path = tmp_path / "metrics.sock"
    listen = {"BATCHBOX_METRICS_LISTEN": f"unix:{path}"}
    with box.running(**listen):
        wait_for(path.exists, "the socket")
    assert path.exists()
    with box.running(**listen) as daemon:
        wait_for(lambda: "batchbox_build_info" in answer_of(path), "an answer")
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert daemon.stop() == 0
    assert not path.exists()


def answer_of(path: Path) -> str:
    """Return what is answered, nothing if nobody listens yet."""
    try:
        return ask(str(path))
    except OSError:
        return ""


def test_an_address_that_is_taken_stops_nothing(box: Box, port: int) -> None:
    """It is told with the fix, the file is written all the same, and the work goes on."""
    with (
        socket.create_server(("127.0.0.1", port)),
        box.running(BATCHBOX_METRICS_LISTEN=f"127.0.0.1:{port}") as daemon,
    ):
        box.drop("q.jsonl", request("a"))
        assert box.await_receipt("q")["status"] == "succeeded"
        assert "metrics_listen" in daemon.events("metrics.unavailable")[0]["fix"]
        assert wait_for(lambda: read_file(box), "the file")


def test_a_spool_that_goes_and_comes_back(box: Box, tmp_path: Path) -> None:
    """It is missed at each look and told of once; nothing is put where it was; its return is told too."""
    path = tmp_path / "metrics.sock"
    away = tmp_path / "away"

    def missed() -> float:
        return pick(list(read_plain(answer_of(path).partition("\r\n\r\n")[2])), MISSED, event=OFFLINE) or 0

    with box.running(BATCHBOX_METRICS_LISTEN=f"unix:{path}") as daemon:
        wait_for(lambda: daemon.events("daemon.started") and read_file(box), "the start")
        box.root.rename(away)
        box.root.mkdir()
        wait_for(lambda: missed() > 5, "several looks in vain")
        assert not list(box.root.iterdir())
        box.root.rmdir()
        away.rename(box.root)
        wait_for(lambda: daemon.events("spool.online"), "the return")
        assert len(daemon.events(OFFLINE)) == 1
        box.drop("q.jsonl", request("a"))
        assert box.await_receipt("q")["status"] == "succeeded"


def test_what_cron_starts_leaves_its_count(box: Box) -> None:
    """A daemon that works off what is there and exits has written all that it counted."""
    box.drop("q.jsonl", request("a"))
    assert box.command("run", "--until-idle").returncode == 0
    assert pick(read_file(box), "batchbox_files_total", queue="default", status="succeeded") == 1


def test_a_file_is_not_removed_for_a_socket(box: Box, tmp_path: Path) -> None:
    """What is no socket stays where it is."""
    precious = tmp_path / "precious"
    precious.write_text("mine")
    with box.running(BATCHBOX_METRICS_LISTEN=f"unix:{precious}") as daemon:
        wait_for(lambda: daemon.events("metrics.unavailable"), "the error")
    assert precious.read_text() == "mine"


@pytest.mark.parametrize("where", ["0.0.0.0:9464", "192.168.1.4:9464", "[::]:9464", "9464", "unix:relative"])
def test_only_this_host_is_served(box: Box, where: str) -> None:
    """An address that others could reach is refused at the start, with the reason."""
    done = box.command("run", BATCHBOX_METRICS_LISTEN=where)
    assert done.returncode == 2
    assert "nothing is served to other hosts" in done.stderr
    assert "metrics_listen" in done.stderr or "METRICS_LISTEN" in done.stderr
