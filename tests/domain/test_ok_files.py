"""What may stand in a marker, and what it means."""

import hashlib
import subprocess
from contextlib import suppress
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchbox.domain.errors import InvalidFile
from batchbox.domain.marker_files import is_answered_as, is_cancel, is_companion, is_ok, subject_of
from batchbox.domain.ok_files import LARGEST, Confirmed, read_ok_file

DIGEST = "ab" * 32
OTHER = "cd" * 32


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", {}),
        (" \r\n\n", {}),
        ("\ufeff", {}),
        ("{}", {}),
        ('{"lines": 3}\n', {"lines": 3}),
        ('\ufeff{"lines": 0, "bytes": 12}', {"lines": 0, "bytes": 12}),
        (f'{{"sha256": "{DIGEST.upper()}"}}', {"sha256": DIGEST}),
        (DIGEST, {"sha256": DIGEST}),
        (f"{DIGEST}  a.jsonl\n", {"sha256": DIGEST}),
        (f"{DIGEST} *a.jsonl\r\n", {"sha256": DIGEST}),
        (f"{DIGEST}  before-it-was-renamed.tmp\n", {"sha256": DIGEST}),
        (f"SHA256 (a.jsonl) = {DIGEST}\n", {"sha256": DIGEST}),
        (f"{OTHER}  b.jsonl\n{DIGEST}  ./out/a.jsonl\n", {"sha256": DIGEST}),
        (f"{DIGEST}  a.jsonl\n{DIGEST}  a.jsonl\n", {"sha256": DIGEST}),
    ],
)
def test_what_can_be_understood(content: str, said: dict[str, Any]) -> None:
    """Nothing, JSON, or the lines of sha256sum."""
    assert read_ok_file(content.encode(), b"a.jsonl") == Confirmed(**said)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", "is none"),
        ("[" * 100_000, "longer"),
        ("{" * 60_000, "is none"),
        ('{"lines": "3"}', '"lines": "3"'),
        ('{"lines": true}', '"lines": true'),
        ('{"lines": -1}', '"lines": -1'),
        ('{"lines": 1.5}', '"lines": 1.5'),
        ('{"sha256": "abc"}', '"sha256": "abc"'),
        ('{"count": 3}', '"count": 3'),
        ("ok", "neither JSON"),
        (f"{DIGEST}  a.jsonl\nok\n", "neither JSON"),
        ("d41d8cd98f00b204e9800998ecf8427e  a.jsonl\n", "neither JSON"),
        (f"{OTHER}  b.jsonl\n{DIGEST}  c.jsonl\n", "not one that is this file's"),
        (f"{OTHER}  a.jsonl\n{DIGEST}  a.jsonl\n", "not one that is this file's"),
        ("x" * (LARGEST + 1), "longer"),
    ],
)
def test_what_cannot_be_understood(content: str, problem: str) -> None:
    """It is refused, never taken for an empty one."""
    with pytest.raises(InvalidFile, match=problem):
        read_ok_file(content.encode(), b"a.jsonl")


@given(st.binary(max_size=200))
def test_no_content_breaks_it(content: bytes) -> None:
    """Whatever stands there is understood or refused."""
    with suppress(InvalidFile):
        assert isinstance(read_ok_file(content, b"a.jsonl"), Confirmed)


@pytest.mark.skipif(not which("sha256sum"), reason="needs sha256sum")
@pytest.mark.parametrize("arguments", [[], ["--tag"], ["--binary"]])
@pytest.mark.parametrize("name", ["a.jsonl", "with space.jsonl", "back\\slash.jsonl", "new\nline.jsonl"])
def test_what_sha256sum_prints(tmp_path: Path, name: str, arguments: list[str]) -> None:
    """In each of its forms, for a name that it escapes too."""
    for one in (name, "other.jsonl"):
        (tmp_path / one).write_bytes(one.encode())
    command = ["sha256sum", *arguments, name, "other.jsonl"]
    printed = subprocess.run(command, cwd=tmp_path, capture_output=True, check=True).stdout
    digest = hashlib.sha256(name.encode()).hexdigest()
    assert read_ok_file(printed, name.encode()) == Confirmed(sha256=digest)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (b"a.jsonl.cancel", "cancel"),
        (b"a.csv.CANCEL", "cancel"),
        (b"anything.cancel", "cancel"),
        (b".a.jsonl.cancel", ""),
        (b"_a.jsonl.cancel", ""),
        (b"a.jsonl.ok", "ok"),
        (b"A.JSONL.OK", "ok"),
        (b"other.ok", ""),
        (b"~a.jsonl.ok", ""),
        (b"a.jsonl", ""),
    ],
)
def test_which_names_are_about_another_file(name: bytes, kind: str) -> None:
    """Hidden names, and markers of files that are none of ours, are left alone."""
    assert (is_cancel(name), is_ok(name)) == (kind == "cancel", kind == "ok")
    assert is_companion(name) == bool(kind)
    if kind:
        assert subject_of(name) == name[: -1 - len(kind)]


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        (b"a.jsonl", False),
        (b"a~2.jsonl", True),
        (b"a~2", False),
        (b"a", False),
        (b"b.jsonl", False),
        (b"a.JSONL", False),
        (b"a.csv", False),
        (b"", False),
    ],
)
def test_which_name_is_that_of_the_answers(subject: bytes, expected: bool) -> None:
    """With the number and the ending of the file; not the name as it was dropped."""
    assert is_answered_as(subject, b"a.jsonl", "a~2") == expected
