"""A daemon without a network: it reaches the API by a UNIX socket, and nothing else changes."""

import json
from pathlib import Path
from typing import Any

from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import Box, request, wait_for
from tests.support.gate import gated

NOWHERE = "http://api.invalid"  # no name of that kind is ever resolved (RFC 6761)


def test_a_file_is_answered_by_way_of_a_socket(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """The API's own name is asked for, though nobody could resolve it here."""
    door = tmp_path / "door"
    with (
        gated(sandbox.url, door=door),
        box.running(ANTHROPIC_BASE_URL=NOWHERE, BATCHBOX_API_SOCKET=str(door)),
    ):
        box.drop("q.jsonl", request("a"))
        assert box.await_receipt("q")["status"] == "succeeded"


def test_while_the_relay_is_away(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """It waits and says why; once the relay is back the file goes out, once."""
    door = tmp_path / "door"
    with box.running(ANTHROPIC_BASE_URL=NOWHERE, BATCHBOX_API_SOCKET=str(door)) as daemon:
        box.drop("q.jsonl", request("a"))
        wait_for(lambda: daemon.events("sending.stopped"), "the first try")
        with gated(sandbox.url, door=door):
            assert box.await_receipt("q")["status"] == "succeeded"
    assert len(sandbox.batches()) == 1


def test_doctor_goes_the_same_way(box: Box, sandbox: Sandbox, tmp_path: Path) -> None:
    """It finds the key accepted through the socket, and says what to do where there is none."""
    door = tmp_path / "door"
    way = {"ANTHROPIC_BASE_URL": NOWHERE, "BATCHBOX_API_SOCKET": str(door)}
    without = {check["check"]: check for check in _examine(box, way)}
    assert without["connection"]["verdict"] == "problem"
    assert "batchbox-relay.socket" in without["connection"]["fix"]
    with gated(sandbox.url, door=door):
        through = {check["check"]: check for check in _examine(box, way)}
    assert through["key"]["verdict"] == "ok"


def _examine(box: Box, way: dict[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(box.command("doctor", "--json", **way).stdout)["checks"]
    return found
