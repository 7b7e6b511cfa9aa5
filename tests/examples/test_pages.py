"""Every example of the cookbook and of the producers' page does what the page says."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.examples.bench import BLOCKS, Bench, find_missing, working
from tests.examples.blocks import Block
from tests.support.daemon import DEADLINE

TRIED = ("run", "file", "unit")
KINDS = (*TRIED, "settings", "share", "shown")
LANGUAGES = {
    "sh": ["bash", "-euo", "pipefail"],
    "python": ["python3"],
    "js": ["node", "--input-type=module", "-"],
}
CRON_LINE = re.compile(r"^(?:[0-9*/,-]+ ){5}(?P<command>.*)$", re.MULTILINE)
CRON_VARIABLE = re.compile(r"^(?P<name>[A-Z_]+)=(?P<value>.*)$", re.MULTILINE)
UNIT_VARIABLE = re.compile(r"^Environment=(?P<name>[A-Z_]+)=(?P<value>.*)$", re.MULTILINE)
EXEC = re.compile(r"^ExecStart=(?P<command>.*)$", re.MULTILINE)
ANALYZE = shutil.which("systemd-analyze")
BOM = "\N{ZERO WIDTH NO-BREAK SPACE}"
BARE = {"PATH": "/usr/bin:/bin"}  # all that cron and systemd give by themselves
# what differs from run to run
VARIES = {
    re.compile(r"\d{8}T\d{6}Z"): "TIME",
    re.compile(r"\d{4}-\d\d-\d\d"): "DATE",
    re.compile(r"[\d,]+(\.\d+)? USD"): "USD",
    re.compile(r"about [\d,]+ tokens"): "TOKENS",
}


def test_every_example_does_what_its_page_says(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """In order, for they build on each other, and in one test, for they share a daemon."""
    with working(tmp_path) as bench:
        for block in BLOCKS:
            if block.kind in TRIED:
                with subtests.test(block.place):
                    check(block, bench)


def check(block: Block, bench: Bench) -> None:
    """See that it runs as it stands, prints what stands below it, and that what it drops is answered."""
    folder = bench.folder(block.page)
    if missing := find_missing(block):
        pytest.skip(f"needs {missing}")
    if block.kind == "file":
        path = folder / bench.fit(block.more, block.page)
        path.write_text(bench.fit(block.text, block.page), encoding="utf-8")
        return
    if "smbd" in block.needs:
        bench.serve_shares()
    printed = "".join(run(block, bench, folder))
    if block.prints is not None:
        assert level(printed, bench) == level(block.prints, bench)
    if name := block.facts.get("answers"):
        queue, _, stem = name.rpartition("/")
        assert bench.box.await_receipt(stem, queue)["status"] == "succeeded"


def run(block: Block, bench: Bench, folder: Path) -> list[str]:
    """Run it to its end, and return what it prints: each line of a crontab as cron would, and each unit."""
    text = bench.fit(block.text, block.page)
    if block.kind == "unit":
        commands = [shlex.split(found["command"].replace("%%", "%")) for found in EXEC.finditer(text)]
        return [run_one(one, "", folder, BARE | read_variables(UNIT_VARIABLE, text)) for one in commands]
    if block.language == "crontab":
        env = BARE | read_variables(CRON_VARIABLE, text)
        return [run_one(["/bin/sh", "-c", one], "", Path("/"), env) for one in list_jobs(text)]
    return [run_one(LANGUAGES[block.language], text, folder, bench.env)]


def read_variables(pattern: re.Pattern[str], text: str) -> dict[str, str]:
    return {found["name"]: found["value"] for found in pattern.finditer(text)}


def run_one(command: list[str], text: str, folder: Path, env: dict[str, str]) -> str:
    done = subprocess.run(
        command,
        input=text,
        cwd=folder,
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def list_jobs(text: str) -> list[str]:
    r"""Return what cron gives to the shell: a bare % would end it, \% is a % (crontab(5))."""
    commands = [found["command"] for found in CRON_LINE.finditer(text)]
    assert commands
    for command in commands:
        assert not re.search(r"(?<!\\)%", command), f"cron would cut this at its %: {command}"
    return [command.replace(r"\%", "%") for command in commands]


def level(text: str, bench: Bench) -> str:
    """Return the words of *text*, with what differs from run to run made the same."""
    words = " ".join(text.replace(str(bench.box.root), "/srv/batches").replace(BOM, "").split())
    for pattern, name in VARIES.items():
        words = pattern.sub(name, words)
    return words


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: str(block.place))
def test_every_block_says_how_it_is_tried(block: Block) -> None:
    """So that none is forgotten."""
    assert block.kind in KINDS, "say in a comment before it how it is tried: tests/examples/blocks.py"


@pytest.mark.skipif(not ANALYZE, reason="needs systemd-analyze")
def test_the_units_have_no_mistakes(tmp_path: Path) -> None:
    """As systemd itself reads them; the program need not be installed here."""
    units = [block for block in BLOCKS if block.kind == "unit"]
    assert units
    for block in units:
        (tmp_path / block.more).write_text(block.text.replace("/usr/local/bin/batchbox", sys.executable))
    done = subprocess.run(
        [str(ANALYZE), "verify", "--man=no", *sorted(tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.stderr, done.returncode) == ("", 0)
