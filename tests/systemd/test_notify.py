"""What the service manager is told: by the real daemon, over the real socket."""

import os
import signal
import socket
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from batchbox.reports.status_snapshot import StatusSnapshot
from batchbox.telemetry.systemd import LONGEST, SystemdNotifier, describe
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import DEADLINE, Box, request

MINUTE = 60_000_000


class Manager:
    """The service manager's end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.told: list[list[str]] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.settimeout(DEADLINE)
        self._socket.bind(address.replace("@", "\0", 1))

    def listen(self) -> list[str]:
        """Return the next message, line by line."""
        self.told.append(self._socket.recv(1 << 16).decode().split("\n"))
        return self.told[-1]

    def await_line(self, start: str) -> str:
        """Return the next line that begins so; the messages up to it are kept."""
        while True:
            for line in self.listen():
                if line.startswith(start):
                    return line

    def close(self) -> None:
        """Hear no more."""
        self._socket.close()


@contextmanager
def managed(address: str) -> Iterator[Manager]:
    """Give a manager for the length of the block."""
    manager = Manager(address)
    yield manager
    manager.close()


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Manager]:
    """Give a service manager that listens."""
    with managed(str(tmp_path / "notify")) as found:
        yield found


def test_the_life_of_a_daemon(box: Box, manager: Manager) -> None:
    """Ready once it has looked, fed from then on, reloading and ready again, stopping at the end."""
    with box.running(NOTIFY_SOCKET=manager.address, WATCHDOG_USEC=str(MINUTE)) as daemon:
        assert manager.listen() == ["WATCHDOG=1", "READY=1", "STATUS=nothing to do"]
        assert manager.listen() == ["WATCHDOG=1"]
        daemon.process.send_signal(signal.SIGHUP)
        manager.await_line("RELOADING=1")
        assert manager.told[-1][1].removeprefix("MONOTONIC_USEC=").isdigit()
        assert "READY=1" in manager.listen()
        (box.root / "control" / "PAUSE").touch()
        assert manager.await_line("STATUS=") == "STATUS=control/PAUSE stands; nothing to do"
        box.drop("a.jsonl", request("a"))
        assert "; 1 waiting (the first " in manager.await_line("STATUS=")
        assert daemon.stop() == 0
        assert manager.await_line("STOPPING=1")
        assert any(line.startswith("EXTEND_TIMEOUT_USEC=") for line in manager.told[-1])


def test_what_is_wrong_is_the_status(box: Box, sandbox: Sandbox, manager: Manager) -> None:
    """A key that is not accepted: the problem and what to do come first, and go once it is."""
    sandbox.order("any", "refuse", times=1000, status=401, error_type="authentication_error")
    with box.running(NOTIFY_SOCKET=manager.address):
        manager.listen()
        box.drop("a.jsonl", request("a"))
        while "key" not in manager.await_line("STATUS="):
            pass
        assert manager.told[-1][-1].endswith("; 1 file under way")
        sandbox.clear()
        while manager.await_line("STATUS=") != "STATUS=nothing to do":
            pass


@pytest.mark.parametrize(
    ("condition", "sentence"),
    [
        (StatusSnapshot(), "nothing to do"),
        (StatusSnapshot({"being sent": 1}), "1 file under way"),
        (
            StatusSnapshot({"being sent": 1200, "in doubt": 1}, waiting=3, held=1),
            "1,201 files under way, 3 waiting, 1 held for a person (batchbox status tells)",
        ),
        (
            StatusSnapshot({"being sent": 2}, problem="no key", fix="put one"),
            "no key (put one); 2 files under way",
        ),
        (StatusSnapshot(waiting=2, obstacle="is a link"), "2 waiting (the first is a link)"),
        (StatusSnapshot({"being sent": 2}, stopping=True), "stopping; 2 files under way"),
        (StatusSnapshot(problem="a\nMAINPID=1\x1b[2J"), "a MAINPID=1 [2J; nothing to do"),
    ],
)
def test_the_sentence(condition: StatusSnapshot, sentence: str) -> None:
    """It is one that a person understands, on one line whatever the API has said."""
    assert describe(condition) == sentence


def test_a_long_problem_is_cut(manager: Manager) -> None:
    """What is too long, or no text, still arrives as a status."""
    with closing(SystemdNotifier({"NOTIFY_SOCKET": manager.address})) as notifier:
        notifier.beat(StatusSnapshot(problem="\udcff" + "x" * 100_000))
    assert len(manager.await_line("STATUS=")) == len("STATUS=") + LONGEST


def test_an_abstract_socket() -> None:
    """An address that begins with an @ is one without a file."""
    with managed(f"@batchbox-{os.getpid()}") as manager:
        with closing(SystemdNotifier({"NOTIFY_SOCKET": manager.address})) as notifier:
            notifier.beat(StatusSnapshot())
        assert "READY=1" in manager.listen()


@pytest.mark.parametrize(
    ("watchdog", "pid", "every"),
    [
        ("4000000", "", 2.0),
        ("4000000", "1", 10.0),
        (str(MINUTE), "", 10.0),
        ("soon", "", 10.0),
        ("", "", 10.0),
    ],
)
def test_how_often_it_is_fed(manager: Manager, watchdog: str, pid: str, every: float) -> None:
    """At half of the watchdog's patience, if that is meant for us; and no child can speak for us."""
    environ = {"NOTIFY_SOCKET": manager.address, "WATCHDOG_USEC": watchdog, "WATCHDOG_PID": pid}
    with closing(SystemdNotifier(environ)) as notifier:
        assert notifier.every == every
    assert not environ


@pytest.mark.parametrize("address", ["", "nonsense", "/nowhere/at/all"])
def test_without_a_manager(address: str) -> None:
    """Nobody is told, and nobody asks to be."""
    notifier = SystemdNotifier({"NOTIFY_SOCKET": address, "WATCHDOG_USEC": "1000"})
    notifier.begin_reload()
    notifier.beat(StatusSnapshot())
    assert notifier.every == float("inf")


def test_a_manager_that_does_not_listen(manager: Manager) -> None:
    """The work is not held up by it; what it did not hear is said again."""
    with closing(SystemdNotifier({"NOTIFY_SOCKET": manager.address})) as notifier:
        for number in range(1, 1000):
            notifier.beat(StatusSnapshot(waiting=number))
        heard = 1
        while manager.listen()[-1] != "STATUS=nothing to do":
            notifier.beat(StatusSnapshot())
            heard += 1
    assert heard < 1000


def test_why_it_ends(box: Box, manager: Manager) -> None:
    """The reason is the last status, whatever it is: settings, the key, the spool."""
    box.environment["ANTHROPIC_API_KEY"] = ""
    assert box.command("run", NOTIFY_SOCKET=manager.address).returncode == 4
    assert manager.listen()[-1].startswith("STATUS=there is no API key (set ANTHROPIC_API_KEY")
    assert box.command("run", NOTIFY_SOCKET=manager.address, BATCHBOX_TRANSFERS="none").returncode == 2
    assert "BATCHBOX_TRANSFERS" in manager.listen()[-1]
