"""Surroundings: limits that a process really has are told, and which of them are too narrow."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from batchbox.diagnostics import host_checks
from batchbox.diagnostics.host_checks import (
    check_memory,
    check_open_files,
    check_proxies,
    check_versions,
    check_watches,
    find_unit,
    read_groups,
)
from batchbox.reports.check_result import Check
from batchbox.storage.local.watcher import watch_inbox

pytestmark = pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="needs Linux's /proc")
LINE = 256_000_000


@contextmanager
def limited(command: str) -> Iterator[int]:
    """Give the id of a process with limits that a shell has set."""
    shell = ["/bin/sh", "-c", f"{command} && echo set && exec cat"]
    with subprocess.Popen(shell, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout
        assert process.stdout.readline() == b"set\n"
        yield process.pid
        process.kill()


@pytest.mark.parametrize(
    ("number", "verdict"), [(40, "problem"), (100, "warning"), (300, "ok")], ids=["few", "some", "enough"]
)
def test_open_files(number: int, verdict: str) -> None:
    """Told of the process that was named, not of this one."""
    with limited(f"ulimit -n {number}") as pid:
        (check,) = check_open_files(pid)
    assert check.verdict == verdict
    assert check.found.startswith(f"{number} at most")


def test_the_address_space() -> None:
    """Libraries and threads need more of it than memory."""
    with limited("ulimit -v 500000") as pid:
        checks = [check for check in check_memory(pid, 4, LINE) if "address space" in check.found]
    assert [check.verdict for check in checks] == ["warning"]
    assert "512.0 MB" in checks[0].found
    assert not [check for check in check_memory(os.getpid(), 4, LINE) if "address space" in check.found]


@pytest.mark.parametrize(
    ("limit", "verdict", "found"),
    [
        ("100000000", "problem", "100.0 MB (limit of /"),
        ("200000000", "warning", "200.0 MB (limit of /"),
        ("900000000", "ok", "lines of 38.0 MB fit"),
        ("max", "ok", "all of this machine"),
        ("9223372036854771712", "ok", "all of this machine"),
    ],
    ids=["killed", "narrow", "enough", "none-v2", "none-v1"],
)
def test_the_memory_of_a_control_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str, verdict: str, found: str
) -> None:
    """The narrowest of all groups above the process counts, as a tree of version 2 or 1 tells it."""
    monkeypatch.setattr(host_checks, "GROUPS", tmp_path)
    kinds = {kinds for kinds, _ in read_groups(os.getpid())} & {"", "memory"}
    if not kinds:
        pytest.skip("this process is in no control group for memory")
    path = tmp_path / "memory.max" if "" in kinds else tmp_path / "memory" / "memory.limit_in_bytes"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"{limit}\n")
    check: Check = next(check_memory(os.getpid(), 4, LINE))
    assert check.verdict == verdict
    assert found in check.found


def test_a_line_is_no_longer_than_a_part() -> None:
    """However much memory there is."""
    check = next(check_memory(os.getpid(), 1, 1_000_000))
    assert "lines of 1.0 MB fit" in check.found


def test_proxies_are_not_used_and_that_is_told() -> None:
    """Upper case or lower; without the address, which may hold a password."""
    check = check_proxies({"https_proxy": "http://me:secret@proxy"}, "https://api.example")
    assert (check.verdict, check.found) == ("warning", "https_proxy: not used")
    assert "secret" not in check.fix
    assert check_proxies({"NO_PROXY": "*"}, "https://api.example").verdict == "ok"


def test_another_library_than_batchbox_was_made_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An SDK of the next major version might repeat a create: it is found by what is installed."""
    assert [check.verdict for check in check_versions()] == ["ok"]
    folder = tmp_path / "anthropic-3.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: anthropic\nVersion: 3.0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    problem, versions = check_versions()
    assert problem.verdict == "problem"
    assert problem.found.startswith("anthropic is 3.0, not ")
    assert "anthropic 3.0" in versions.found


def test_watches(tmp_path: Path) -> None:
    """Those in use are counted; more folders than there can be watches are told."""
    (tmp_path / "inbox").mkdir()
    stop = watch_inbox(tmp_path, lambda: None)
    (check,) = check_watches(os.getuid(), 1)
    stop()
    assert not check.found.startswith("0 of")
    (check,) = check_watches(os.getuid(), 1 << 40)
    assert check.verdict == "warning"
    assert "scanning alone" in check.fix


def test_a_process_outside_of_systemd_has_no_unit() -> None:
    """Nor has one that is not there."""
    assert not find_unit(-1)
    assert not list(check_open_files(-1))
