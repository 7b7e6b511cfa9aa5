"""What the unit, its users and its folders allow and do not allow: tried from inside, and as those users."""

import json
from typing import Any

import pytest

from tests.support.daemon import wait_for
from tests.systemd.lab import PROJECT, PYTHON, SPOOL, Lab
from tests.systemd.unit import Unit

pytestmark = pytest.mark.xdist_group("systemd")

PROBE = f"[Service]\nExecStartPre={PYTHON} {PROJECT}/tests/systemd/probe.py {SPOOL}\n"
FORBIDDEN = {
    "write /usr": "EROFS",
    "write where it is installed": "EROFS",
    "write /etc": "EROFS",
    "write /var": "EROFS",
    "list /root": "EACCES",
    "read the source of the key": "EACCES",
    "write beside the key": "EROFS",
    "open a raw socket": "EPERM",
    "open a packet socket": "EAFNOSUPPORT",
    "make a namespace": "EPERM",
    "mount": "EPERM",
    "map memory to write and run": "EPERM",
    "become root": "EPERM",
    "see other processes": "ENOENT",
    "run what was dropped": "EACCES",
    "run what is in /tmp": "EACCES",
    "run what is in /dev/shm": "EACCES",
}
MODES = {
    "": "2711 batchbox batchbox-operate",
    "inbox": "3730 batchbox batchbox-submit",
    "outbox": "2750 batchbox batchbox-submit",
    "rejected": "2750 batchbox batchbox-submit",
    "work": "2700 batchbox batchbox-submit",
    "hold": "0700 batchbox batchbox",
    "done": "0700 batchbox batchbox",
    "control": "2770 batchbox batchbox-operate",
    "state": "2750 batchbox batchbox-operate",
    ".batchbox": "0640 batchbox batchbox-operate",
}


def probe(unit: Unit) -> dict[str, Any]:
    """Start the unit with the probe before it; return what the probe found."""
    unit.change(PROBE, "probe")
    unit.systemctl("start")
    found: dict[str, Any] = json.loads(unit.lab.shell(f"cat {SPOOL}/state/probe.json"))
    return found


def test_what_it_cannot_do(unit: Unit) -> None:
    """It writes to its spool and speaks to the network; of what else was tried, nothing was possible."""
    found = probe(unit)
    allowed = {"write to the spool": "done", "reach the API": "done"}
    assert found == FORBIDDEN | allowed | {"reach another host": "ECONNREFUSED"}


def test_without_a_network(unit: Unit) -> None:
    """It opens no socket into a network, and has a file answered all the same, by way of its relay."""
    lab = unit.lab
    there = "/etc/systemd/system/batchbox-relay.service.d/lab.conf"
    proxy = "/lib/systemd/systemd-socket-proxyd --exit-idle-time=10min"
    lab.write(there, f"[Service]\nExecStart=\nExecStart={proxy} 127.0.0.1:8080\n")
    unit.change((lab.root / PROJECT.lstrip("/") / "systemd/drop-ins/no-network.conf").read_text())
    found = probe(unit)
    assert found["reach the API"] == "EAFNOSUPPORT"
    assert found["open a raw socket"] == "EAFNOSUPPORT"
    unit.drop("by-the-relay")
    assert unit.receipt("by-the-relay")["status"] == "succeeded"
    assert lab.show("batchbox-relay.service", "ActiveState") == "active"
    assert lab.run("cat", "/run/batchbox-relay.sock", user="mallory", check=False).returncode != 0
    lab.run("systemctl", "stop", "batchbox", "batchbox-relay.socket", "batchbox-relay.service")


def test_nothing_but_the_api_is_reached(unit: Unit) -> None:
    """With the list of addresses, those that are not on it stay silent."""
    unit.change((unit.lab.root / PROJECT.lstrip("/") / "systemd/drop-ins/egress.conf").read_text(), "egress")
    unit.change("[Service]\nIPAddressAllow=\nIPAddressAllow=127.0.0.1\n", "lab-host")
    found = probe(unit)
    assert (found["reach the API"], found["reach another host"]) == ("done", "timed out")


def test_the_modes_of_the_folders(lab: Lab) -> None:
    """Each folder is for those it is meant for, once more after tmpfiles has put it right."""
    lab.run("chmod", "777", f"{SPOOL}/inbox", f"{SPOOL}/.batchbox", f"{SPOOL}/work")
    lab.run("systemd-tmpfiles", "--create", "batchbox.conf")
    for name, expected in MODES.items():
        found = lab.run("stat", "--format=%04a %U %G", f"{SPOOL}/{name}").stdout.strip()
        assert found == expected, name


def test_what_submitters_can_do(unit: Unit) -> None:
    """They drop and take back their own; they see no list, and neither touch nor read what others dropped."""
    shell = unit.lab.shell
    shell(f"umask 077; echo '\"hi\"' > {SPOOL}/inbox/a.jsonl", user="alice")
    assert "Permission denied" in shell(f"ls {SPOOL}/inbox", user="bert", check=False)
    assert "not permitted" in shell(f"mv {SPOOL}/inbox/a.jsonl {SPOOL}/inbox/b.jsonl", "bert", check=False)
    assert "Permission denied" in shell(f"cat {SPOOL}/inbox/a.jsonl", user="bert", check=False)
    for place in ("work", "hold", "done", "state", "control", ".batchbox"):
        assert "Permission denied" in shell(f"cat {SPOOL}/{place}/*", user="alice", check=False) or (
            "Permission denied" in shell(f"cat {SPOOL}/{place}", user="alice", check=False)
        )
    shell(f"rm {SPOOL}/inbox/a.jsonl", user="alice")
    assert "Permission denied" in shell(f"echo x > {SPOOL}/control/PAUSE", user="alice", check=False)


def test_what_others_can_do(unit: Unit) -> None:
    """Nothing: no drop, no look, no command."""
    for act in ("echo x > inbox/m.jsonl", "ls .", "ls outbox", "ls inbox", "cat .batchbox", "ls state"):
        told = unit.lab.shell(f"cd {SPOOL}; {act}", user="mallory", check=False)
        assert "Permission denied" in told, act


def test_the_command_to_drop(unit: Unit) -> None:
    """A submitter who has the program may use it, though the spool's marker is not for him to read."""
    unit.systemctl("start")
    unit.lab.shell("echo '\"hi\"' > /tmp/asked.jsonl", user="alice")
    words = ("/opt/batchbox/bin/batchbox", "drop", "--spool", SPOOL, "--wait", "/tmp/asked.jsonl")
    assert "succeeded" in unit.lab.run(*words, user="alice").stdout


def test_a_shared_spool_sees_who_still_writes(unit: Unit) -> None:
    """With the drop-in, a file that another user has open is left alone until he is done, lines or not."""
    lab = unit.lab
    unit.change((lab.root / PROJECT.lstrip("/") / "systemd/drop-ins/shared.conf").read_text())
    unit.systemctl("start")
    slow = f"{SPOOL}/inbox/slow.jsonl"
    write = ["sh", "-c", f"exec 3> {slow}; echo '\"1\"' >&3; exec sleep 1000"]
    lab.run("systemd-run", "--quiet", "--uid=bert", "--unit=writer", *write)
    wait_for(lambda: lab.run("cat", slow, check=False).stdout == '"1"\n', "the first line")
    unit.drop("later")
    assert unit.receipt("later")["status"] == "succeeded"
    assert lab.shell(f"ls {SPOOL}/inbox") == "slow.jsonl\n"
    lab.run("systemctl", "stop", "writer")
    assert unit.receipt("slow")["status"] == "succeeded"
