"""The unit as it is installed, under a real systemd: what an operator does, and what befalls the daemon."""

import pytest

from tests.support.daemon import wait_for
from tests.systemd.conftest import read_guide
from tests.systemd.lab import PROJECT, PYTHON, SPOOL, Lab
from tests.systemd.unit import Unit

pytestmark = pytest.mark.xdist_group("systemd")

GATE = f"""
import pathlib, sys, threading
sys.path[:0] = ["{PROJECT}"]
from tests.support.gate import gated
with gated("http://127.0.0.1:8080", up=4096) as gate:
    pathlib.Path("/run/gate").write_text(gate.url)
    gate.held.wait()
    pathlib.Path("/run/held").touch()
    threading.Event().wait()
"""


def test_from_the_start_to_an_answer(unit: Unit) -> None:
    """It is up once it has looked, and says so; what a submitter drops comes back readable for them all."""
    unit.systemctl("start")
    assert (unit.show("ActiveState"), unit.show("StatusText")) == ("active", "nothing to do")
    unit.drop("first", user="alice")
    receipt = unit.receipt("first", user="alice")
    assert receipt["status"] == "succeeded"
    results = unit.lab.run("cat", f"{SPOOL}/outbox/first.results.jsonl", user="bert").stdout
    assert results.count("\n") == 3
    unit.lab.write(f"{SPOOL}/control/PAUSE", "")
    wait_for(lambda: unit.show("StatusText") == "control/PAUSE stands; nothing to do", "the status")
    told = unit.lab.run("/opt/batchbox/bin/batchbox", "status", "--spool", SPOOL, user="olga").stdout
    assert "control/PAUSE stands" in told
    assert "not yours to see" in told
    unit.lab.run("/opt/batchbox/bin/batchbox", "resume", "--spool", SPOOL, user="olga")


def test_a_loop_that_is_stuck_is_killed(unit: Unit) -> None:
    """The watchdog ends a process that does nothing, and a new one takes over."""
    unit.change("[Service]\nWatchdogSec=3s\n")
    unit.systemctl("start")
    before = unit.show("MainPID")
    unit.lab.run("kill", "-STOP", before)
    unit.await_state("active", restarts=1)
    assert unit.show("MainPID") != before
    assert "Watchdog timeout" in unit.journal()
    assert "in take" in unit.journal(), "where the loop was is not told"
    unit.drop("after-the-watchdog")
    assert unit.receipt("after-the-watchdog")["status"] == "succeeded"


def test_a_killed_daemon_goes_on(unit: Unit) -> None:
    """After a SIGKILL with a batch under way it is started again, and the file is answered and paid once."""
    unit.systemctl("start")
    unit.drop("killed", lines=4)
    unit.await_logged("part.submitted")
    unit.lab.run("systemctl", "kill", "--signal=KILL", "batchbox")
    unit.await_state("active", restarts=1)
    assert unit.receipt("killed")["status"] == "succeeded"
    assert unit.journal().count("part.submitted") == 1


def test_a_reload_is_told(unit: Unit) -> None:
    """The process stays, the settings hold, the log names them, and the unit is active again."""
    unit.systemctl("start")
    before = unit.show("MainPID")
    unit.lab.shell(f"cp {SPOOL}/batchbox.toml /run/kept; echo 'max_tokens = 7' >> {SPOOL}/batchbox.toml")
    unit.systemctl("reload")
    unit.await_logged('"changed": ["max_tokens"]')
    unit.await_state("active")
    assert unit.show("MainPID") == before
    unit.lab.shell(f"cp /run/kept {SPOOL}/batchbox.toml")


def test_a_stop_in_the_midst_of_an_upload(unit: Unit) -> None:
    """It ends well and soon; the next start sends the file, once."""
    unit.lab.write("/run/gate.py", GATE)
    unit.lab.run("systemd-run", "--quiet", "--unit=gate", PYTHON, "/run/gate.py")
    url = wait_for(lambda: unit.lab.run("cat", "/run/gate", check=False).stdout, "the gate")
    unit.change(f"[Service]\nEnvironment=BATCHBOX_BASE_URL={url}\n")
    unit.systemctl("start")
    unit.drop("large", lines=20_000)
    wait_for((unit.lab.root / "run" / "held").exists, "the upload to be under way")
    unit.systemctl("stop")
    assert unit.show("Result") == "success"
    unit.lab.run("systemctl", "stop", "gate")
    unit.change("[Service]\n")
    before = len(unit.sent())
    unit.systemctl("start")
    assert unit.receipt("large")["status"] == "succeeded"
    assert len(unit.sent()) - before == 20_000


def test_without_its_credential(unit: Unit) -> None:
    """It fails at once, with the place of the key, and is not tried again; with the key it starts."""
    with unit.without("/etc/batchbox/api_key"):
        unit.systemctl("start", check=False)
        unit.await_state("failed")
    assert unit.show("NRestarts") == "0"
    assert unit.show("StatusText").startswith("there is no API key (put it into the file")
    unit.systemctl("start")
    assert unit.show("ActiveState") == "active"


def test_wrong_settings_are_no_matter_of_another_try(unit: Unit) -> None:
    """It fails at once, and the journal says what is wrong and what to do."""
    unit.change("[Service]\nEnvironment=BATCHBOX_TRANSFERS=none\n")
    unit.systemctl("start", check=False)
    unit.await_state("failed")
    assert unit.show("NRestarts") == "0"
    assert "BATCHBOX_TRANSFERS" in unit.show("StatusText")


def test_failing_again_and_again_comes_to_an_end(unit: Unit) -> None:
    """What may mend itself is tried as often as the unit says, and is then to be seen as failed."""
    unit.change("[Unit]\nStartLimitBurst=2\n")
    with unit.without(f"{SPOOL}/.batchbox"):
        unit.systemctl("start", check=False)
        unit.await_logged("Start request repeated too quickly")
    unit.await_state("failed", restarts=2)
    assert "is not a spool" in unit.show("StatusText")


def test_a_key_encrypted_for_this_machine(unit: Unit, lab: Lab) -> None:
    """The key lies on the disk in a form that no other machine can read, and works."""
    lab.shell(read_guide("Install", 4).replace("--with-key=auto", "--with-key=host"))
    assert "lab-key" not in lab.shell("cat /etc/batchbox/api_key.cred")
    lines = ["LoadCredential=", "LoadCredentialEncrypted=api_key:/etc/batchbox/api_key.cred"]
    unit.change("\n".join(["[Service]", *lines, ""]))
    unit.systemctl("start")
    unit.drop("encrypted")
    assert unit.receipt("encrypted")["status"] == "succeeded"


def test_one_of_several_spools(lab: Lab, unit: Unit) -> None:
    """Another spool is another instance, with folders, a key and settings of its own."""
    lab.shell(f"set -e; cd {PROJECT}; {read_guide('Several spools')}", given="another-key")
    second = Unit(lab, "batchbox@nightly", f"{SPOOL}-nightly")
    second.drop("there")
    assert second.receipt("there")["status"] == "succeeded"
    second.restore()
    assert unit.show("ActiveState") == "inactive"


def test_uninstalling(lab: Lab, unit: Unit) -> None:
    """What the guide's commands leave is the spool; what they install again goes on with it."""
    unit.systemctl("start")
    of_the_lab = "/opt/batchbox"  # the rest is mounted there, and is the real thing
    commands = [line for line in read_guide("Uninstall").splitlines() if of_the_lab not in line]
    keep = "mkdir /run/drop-ins && cp -a /etc/systemd/system/batchbox*.d /run/drop-ins"
    lab.shell("\n".join(["set -e", keep, *commands]))
    places = "/etc/systemd/system /etc/systemd/system/*.wants /etc/sysusers.d /etc/tmpfiles.d"
    assert "batchbox" not in lab.shell(f"ls {places}")
    assert lab.show("batchbox", "LoadState") == "not-found"
    lab.shell("rm -rf /etc/batchbox; cp -a /run/drop-ins/* /etc/systemd/system")
    lab.shell(f"set -e; cd {PROJECT}; {read_guide('Install', 2)}", given="lab-key")
    unit.drop("after-all")
    assert unit.receipt("after-all")["status"] == "succeeded"
