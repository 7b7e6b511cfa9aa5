"""`batchbox merge`: a file that is whole or not there, and nothing overwritten unasked."""

import json
from pathlib import Path

import pytest
import typer

from batchbox.cli.merge import merge
from batchbox.domain.errors import Stop
from tests.support.daemon import Box


def row(custom_id: str, kind: str = "succeeded") -> str:
    return json.dumps({"custom_id": custom_id, "result": {"type": kind}}) + "\n"


@pytest.fixture
def first(tmp_path: Path) -> Path:
    path = tmp_path / "a.results.jsonl"
    path.write_text(row("a") + row("b", "errored"))
    return path


@pytest.fixture
def second(tmp_path: Path) -> Path:
    path = tmp_path / "a.errors.results.jsonl"
    path.write_text(row("b"))
    return path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_a_new_file_beside_the_first(first: Path, second: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both tries stay as they are."""
    merge(first, [second])
    merged = first.with_name("a.merged.results.jsonl")
    assert merged.read_text() == row("a") + row("b")
    assert names(first.parent) == [second.name, merged.name, first.name]
    assert "2 rows, 1 replaced" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["a.results.jsonl", "a.merged.results.jsonl"])
def test_nothing_is_overwritten_unasked(first: Path, second: Path, name: str) -> None:
    """Neither the first nor another."""
    there = first.with_name(name)
    there.write_text(first.read_text())
    with pytest.raises(Stop, match="is there already") as caught:
        merge(first, [second], out=there)
    assert caught.value.code == 2
    assert there.read_text() == row("a") + row("b", "errored")
    merge(first, [second], out=there, replace=True)
    assert there.read_text() == row("a") + row("b")
    assert not [name for name in names(first.parent) if name.startswith(".")]


def test_nothing_is_written_where_a_row_belongs_nowhere(first: Path, second: Path) -> None:
    """Not even where it may be replaced."""
    second.write_text(row("b") + row("x"))
    with pytest.raises(Stop, match="x"):
        merge(first, [second], out=first, replace=True)
    assert first.read_text() == row("a") + row("b", "errored")
    assert names(first.parent) == [second.name, first.name]


def test_what_cannot_be_read_is_told(first: Path) -> None:
    """With what to do."""
    with pytest.raises(Stop, match="cannot be read: No such file"):
        merge(first, [first.with_name("nowhere")])
    with pytest.raises(Stop, match="cannot be read: Is a directory"):
        merge(first.parent, [first])


def test_what_is_still_not_answered_is_told(
    first: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """For people, for programs, and by the exit code."""
    second.write_text(row("b", "expired"))
    with pytest.raises(typer.Exit) as ended:
        merge(first, [second], as_json=True)
    assert ended.value.exit_code == 1
    told = json.loads(capsys.readouterr().out)
    merged = str(first.with_name("a.merged.results.jsonl"))
    counts = {"rows": 2, "replaced": 1, "answered_twice": 0, "added": 0, "unanswered": 1}
    assert told == {"out": merged} | counts


def test_another_file_in_the_place_of_a_second_try_is_told(
    first: Path, second: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Files without ids of their own all call their first line the same."""
    second.write_text(row("a") + row("b"))
    merge(first, [second])
    assert "1 of those had been answered" in capsys.readouterr().out


def test_a_table_is_merged_into_as_well(first: Path) -> None:
    """It is told by its name, and what is wrong with it in words."""
    table = first.with_name("a.answers.csv")
    table.write_text("id,status,text,stop_reason,error\na,errored,,,no\nb,errored,,,no\n")
    with pytest.raises(typer.Exit):
        merge(table, [first])
    merged = first.with_name("a.merged.answers.csv").read_text(encoding="utf-8-sig")
    assert (
        merged == "id,status,text,stop_reason,error\na,succeeded,,,\nb,errored,,,error: no reason was given\n"
    )
    table.write_bytes(b"id,caf\xe9\n")
    with pytest.raises(Stop, match="the first file: byte 0xe9 is not UTF-8"):
        merge(table, [first], replace=True)


def test_the_command_takes_as_many_tries_as_there_are(box: Box, first: Path, second: Path) -> None:
    """And tells an id that comes from outside without doing a terminal harm."""
    third = first.with_name("third.jsonl")
    third.write_text(row("a"))
    done = box.command("merge", str(first), str(second), str(third), "--out", str(first), "--replace")
    assert (done.returncode, done.stderr) == (0, "")
    assert first.read_text() == row("a") + row("b")
    third.write_text(row("\x1b[2J"))
    done = box.command("merge", str(first), str(third))
    assert done.returncode == 2
    assert "does not know: \\x1b[2J" in done.stderr
