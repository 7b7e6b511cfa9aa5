"""The files of systemd/: understood to the last word, tight, and true to each other."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from batchbox.domain.errors import BAD_SETTINGS, NO_KEY
from tests.systemd.lab import ROOT

FILES = ROOT / "systemd"
UNITS = sorted(path.name for path in FILES.iterdir() if path.suffix in (".service", ".socket"))
DROP_INS = sorted(path.stem for path in (FILES / "drop-ins").glob("*.conf"))
ANALYZE = shutil.which("systemd-analyze") or ""
PLAIN, NO_NETWORK, SHARED = 12, 3, 13  # tenths of what systemd-analyze calls exposure, at most

needs_analyze = pytest.mark.skipif(
    not ANALYZE, reason="needs systemd-analyze, to know what systemd understands"
)


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """Give the units as they are installed; a program that is there stands in for ours."""
    for name in UNITS:
        text = (FILES / name).read_text()
        (tmp_path / name).write_text(text.replace("/opt/batchbox/bin/batchbox run", "/bin/true run"))
    return tmp_path


def add(installed: Path, *drop_ins: str) -> None:
    """Put drop-ins beside batchbox.service."""
    folder = installed / "batchbox.service.d"
    folder.mkdir()
    for name in drop_ins:
        shutil.copy(FILES / "drop-ins" / f"{name}.conf", folder)


def analyze(installed: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Ask systemd-analyze, with the installed units in the place of this machine's."""
    return subprocess.run(
        [ANALYZE, *words],
        cwd=installed,
        env={**os.environ, "SYSTEMD_UNIT_PATH": f"{installed}:"},
        capture_output=True,
        text=True,
        check=False,
    )


@needs_analyze
@pytest.mark.parametrize("drop_in", ["", *DROP_INS])
def test_there_is_nothing_to_complain_of(installed: Path, drop_in: str) -> None:
    """No word is unknown, no command and no unit is missing, with any of the drop-ins."""
    add(installed, *filter(None, [drop_in]))
    instance = shutil.copy(installed / "batchbox@.service", installed / "batchbox@one.service")
    (installed / "batchbox@.service").unlink()
    names = [name for name in UNITS if "@" not in name] + [Path(instance).name]
    done = analyze(installed, "verify", *(f"./{name}" for name in names))
    ours = [line for line in (done.stdout + done.stderr).splitlines() if "batchbox" in line]
    assert not ours


@needs_analyze
@pytest.mark.parametrize(
    ("unit", "drop_ins", "limit"),
    [
        ("batchbox", [], PLAIN),
        ("batchbox@", [], PLAIN),
        ("batchbox", ["egress"], PLAIN),
        ("batchbox", ["shared"], SHARED),
        ("batchbox", ["shared", "egress"], PLAIN),
        ("batchbox", ["no-network"], NO_NETWORK),
        ("batchbox-relay", [], PLAIN),
    ],
)
def test_how_much_is_exposed(installed: Path, unit: str, drop_ins: list[str], limit: int) -> None:
    """By the checklist of systemd itself; what it is worth is tried in the lab."""
    add(installed, *drop_ins)
    done = analyze(installed, "security", "--offline=true", f"--threshold={limit}", f"./{unit}.service")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Overall exposure level for batchbox" in done.stdout


def test_an_instance_is_as_the_one() -> None:
    """But for the places of its spool and its key."""
    one, instance = ((FILES / f"batchbox{end}.service").read_text().splitlines() for end in ("", "@"))
    for theirs, ours in zip(instance[1:], one[1:], strict=True):
        plain = theirs.replace("batchbox-%i", "batchbox")
        assert plain.replace("/etc/batchbox/%i/", "/etc/batchbox/").replace(" (%i)", "") == ours


def test_it_gives_up_on_what_no_restart_mends() -> None:
    """The exit codes are those of the program."""
    (codes,) = re.findall(
        r"^RestartPreventExitStatus=(.*)", (FILES / "batchbox.service").read_text(), re.MULTILINE
    )
    assert codes.split() == [str(BAD_SETTINGS), str(NO_KEY), "243"]
