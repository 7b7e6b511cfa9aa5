"""One lab for all tests that need one, or the reason why there is none."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.systemd.lab import PROJECT, PYTHON, ROOT, SANDBOX_PORT, SCRIPT, Lab, NoLabError, booted
from tests.systemd.unit import Unit

GUIDE = ROOT / "docs" / "operate.md"
SUBMITTERS = ("alice", "bert")
KEY = "lab-key"


def read_guide(heading: str, number: int = 1) -> str:
    """Return a block of commands of the guide: the *number*-th under *heading*."""
    section = GUIDE.read_text(encoding="utf-8").split(f"## {heading}\n")[1].split("\n## ")[0]
    return str(re.findall(r"```sh\n(.*?)```", section, flags=re.DOTALL)[number - 1])


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give a running system in which batchbox was installed by the commands of the guide."""
    try:
        with booted(tmp_path_factory.mktemp("lab")) as found:
            _install(found)
            yield found
    except NoLabError as reason:
        pytest.skip(f"no systemd to try it with: {reason}")


def _install(lab: Lab) -> None:
    version = next(Path(f"{lab.root}/opt/batchbox/prefix/bin").glob("python3.*[0-9]")).name
    lab.run("ln", "-s", f"/opt/batchbox/prefix/bin/{version}", PYTHON)
    lab.write("/opt/batchbox/bin/batchbox", SCRIPT)
    lab.run("chmod", "755", "/opt/batchbox/bin/batchbox")
    for name in ("batchbox", "batchbox@"):
        lab.write(f"/etc/systemd/system/{name}.service.d/lab.conf", _settings())
    lab.shell(f"set -e; cd {PROJECT}; {read_guide('Install', 2)}", given=KEY)
    for name in SUBMITTERS:
        lab.run("useradd", "--groups", "batchbox-submit", name)
    lab.run("useradd", "--groups", "batchbox-operate", "olga")
    lab.run("useradd", "mallory")
    sandbox = f"{PYTHON} -m batchbox_sandbox --port {SANDBOX_PORT} --work-seconds 0.1"
    places = f"PYTHONPATH={PROJECT}/daemon:/opt/batchbox/packages"
    lab.run("systemd-run", "--quiet", "--unit=sandbox", f"--setenv={places}", *sandbox.split())


def _settings() -> str:
    settings = {
        "BASE_URL": f"http://127.0.0.1:{SANDBOX_PORT}",
        "POLL_SECONDS": "0.1",
        "SCAN_SECONDS": "0.1",
        "DOUBT_SECONDS": "1",
        "GRACE_SECONDS": "0.2",
    }
    told = "".join(f"Environment=BATCHBOX_{name}={value}\n" for name, value in settings.items())
    return f"[Service]\nRestartSec=50ms\n{told}"


@pytest.fixture
def unit(lab: Lab) -> Iterator[Unit]:
    """Give the service, stopped, without drop-ins of other tests."""
    found = Unit(lab)
    found.restore()
    yield found
    found.restore()
