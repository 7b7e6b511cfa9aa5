"""Manifests on disk: what is read is what was written, or it is said that it cannot be believed."""

from pathlib import Path

import pytest

from batchbox.domain.errors import Damaged, Lost, Stop
from batchbox.domain.job import SCHEMA, Manifest
from batchbox.domain.part import Part
from batchbox.domain.records import Input, Intent, Output, Problem, Refusal, Tokens
from batchbox.domain.states import JobState, PartState
from batchbox.storage.local.manifest_files import read_manifest, replace_manifest, write_manifest
from tests.storage.support import in_child, limit_files, make_manifest, names

FLIPS = (0x01, 0x02, 0x80)  # 0x02 makes a 1 a 3: a digit that is another digit
GARBAGE = {
    "empty": b"",
    "zeros": bytes(4096),
    "not UTF-8": b"\xff\xfe{}",
    "nothing in it": b"{}",
    "list": b"[]",
    "null": b"null",
    "number": b"1",
    "text": b'"checksum"',
    "another document": b'{"checksum": "a", "schema": 1}',
    "newer without checksum": b'{"schema": 2}',
    "newer with a wrong checksum": b'{"checksum": "a", "schema": 2}',
    "nested without end": b"[" * 100_000,
    "endless number": b'{"checksum": ' + b"9" * 10_000 + b"}",
}


class LaterManifest(Manifest):
    """A manifest with one field more."""

    more: int = 1


def make_full_manifest() -> Manifest:
    """Return a manifest with something in every field."""
    refusal = Refusal(
        problem="too large", fix="split it", error={"type": "x", "n": [1, None]}, request_id="req"
    )
    part = Part(
        number=1,
        generation=2,
        state=PartState.REFUSED,
        nonce="abcdefghijkl",
        requests=3,
        bytes=4,
        crc32=15,
        intent=Intent(cursor="msgbatch_1", date="Thu, 01 Jan 2026 00:00:00 GMT"),
        candidates=("msgbatch_2",),
        ruled_out=("msgbatch_3", "msgbatch_4"),
        refusal=refusal,
        outcomes={"succeeded": 1},
        usage={"claude": Tokens(requests=1, cost_usd=1.25e-05), "other": Tokens(cost_usd=None)},
    )
    return make_manifest(
        name="Zürich \N{SNOWMAN}.jsonl".encode() + b"\xff.jsonl",
        state=JobState.PUBLISHING,
        revision=7,
        input=Input(lines=1, requests=1, bytes=1, sha256="ab"),
        mistakes=(Problem(line=1, column=None, problem='a "quoted" word\n', fix="none"),),
        mistakes_total=1,
        parts=(part,),
        outputs=(
            Output(folder="outbox", name="x.results.jsonl", source="results.jsonl", size=1, sha256="cd"),
        ),
        status="partial",
    )


def reads_as(folder: Path, data: bytes) -> Manifest | str:
    """Return the manifest that *data* is read as, or the name of what is raised."""
    (folder / "manifest.json").write_bytes(data)
    try:
        stored = read_manifest(folder)
    except (Damaged, Stop) as error:
        return type(error).__name__
    assert stored is not None
    return stored.manifest


@pytest.mark.parametrize("manifest", [make_manifest(), make_full_manifest()], ids=["new", "full"])
def test_what_was_written_is_read(tmp_path: Path, manifest: Manifest) -> None:
    """Every field comes back as it was; the version is the revision."""
    assert write_manifest(tmp_path, manifest) == read_manifest(tmp_path)
    stored = read_manifest(tmp_path)
    assert stored is not None
    assert (stored.manifest, stored.version) == (manifest, manifest.revision)
    assert names(tmp_path) == ["manifest.json"]


def test_a_folder_without_manifest_has_none(tmp_path: Path) -> None:
    """Absence is not damage, and nothing else is read in its place."""
    assert read_manifest(tmp_path) is None
    write_manifest(tmp_path, make_manifest())
    (tmp_path / "manifest.json").rename(tmp_path / "manifest.previous.json")
    assert read_manifest(tmp_path) is None


def test_a_save_names_the_version_it_replaces(tmp_path: Path) -> None:
    """Each save is the next revision; one that names another is refused and changes nothing."""
    write_manifest(tmp_path, make_manifest())
    stored = replace_manifest(tmp_path, make_manifest(stem="second"), if_version=0)
    assert (stored.version, stored.manifest.revision, stored.manifest.stem) == (1, 1, "second")
    for version in (0, 2, -1):
        with pytest.raises(Lost, match=f"at revision 1, not {version}"):
            replace_manifest(tmp_path, make_manifest(stem="third"), if_version=version)
    assert read_manifest(tmp_path) == stored


def test_a_job_that_is_gone_is_not_saved(tmp_path: Path) -> None:
    """A manifest that somebody removed does not come back by a save."""
    with pytest.raises(Lost, match="at revision none"):
        replace_manifest(tmp_path, make_manifest(), if_version=0)
    assert names(tmp_path) == []


def test_a_damaged_manifest_is_not_replaced(tmp_path: Path) -> None:
    """A save over something that cannot be read would hide it."""
    (tmp_path / "manifest.json").write_bytes(b"{")
    with pytest.raises(Damaged):
        replace_manifest(tmp_path, make_manifest(), if_version=0)
    assert (tmp_path / "manifest.json").read_bytes() == b"{"


def test_the_previous_version_is_kept_beside(tmp_path: Path) -> None:
    """Byte for byte the one before, each time, and nothing else is left."""
    write_manifest(tmp_path, make_manifest())
    for version in range(3):
        before = (tmp_path / "manifest.json").read_bytes()
        replace_manifest(tmp_path, make_manifest(), if_version=version)
        assert (tmp_path / "manifest.previous.json").read_bytes() == before
    assert names(tmp_path) == ["manifest.json", "manifest.previous.json"]


def test_what_a_crash_left_is_not_in_the_way(tmp_path: Path) -> None:
    """Broken off anywhere, the next save works, and the previous version is the one before."""
    write_manifest(tmp_path, make_manifest())
    before = (tmp_path / "manifest.json").read_bytes()
    for left in (".manifest.json.tmp", ".manifest.previous.json.tmp"):
        (tmp_path / left).write_bytes(b"half")
    (tmp_path / "manifest.previous.json").hardlink_to(tmp_path / "manifest.json")
    stored = replace_manifest(tmp_path, make_manifest(stem="second"), if_version=0)
    assert read_manifest(tmp_path) == stored
    assert (tmp_path / "manifest.previous.json").read_bytes() == before


def test_a_save_that_fails_leaves_the_old_version(tmp_path: Path) -> None:
    """With a disk that refuses, the manifest is what it was."""
    stored = write_manifest(tmp_path, make_manifest())

    def save() -> object:
        limit_files(100)
        return replace_manifest(tmp_path, make_manifest(stem="second"), if_version=0).version

    assert in_child(save)[0] == "OSError"
    assert read_manifest(tmp_path) == stored
    assert ".manifest.json.tmp" not in names(tmp_path)


def test_no_flipped_byte_is_read_as_something_else(tmp_path: Path) -> None:
    """Every byte, three flips each: read as the same, as where a blank becomes another, or damaged."""
    manifest = make_full_manifest()
    write_manifest(tmp_path, manifest)
    whole = (tmp_path / "manifest.json").read_bytes()
    seen = set()
    for place in range(len(whole)):
        for flip in FLIPS:
            found = reads_as(tmp_path, whole[:place] + bytes([whole[place] ^ flip]) + whole[place + 1 :])
            assert found in ("Damaged", manifest), (place, flip, found)
            seen.add(found if isinstance(found, str) else "same")
    assert "Damaged" in seen


def test_no_manifest_that_was_cut_is_read(tmp_path: Path) -> None:
    """At every length it is damaged; only the newline at its end means nothing."""
    manifest = make_full_manifest()
    write_manifest(tmp_path, manifest)
    whole = (tmp_path / "manifest.json").read_bytes()
    found = [reads_as(tmp_path, whole[:length]) for length in range(len(whole))]
    assert set(found[:-1]) == {"Damaged"}
    assert found[-1] == manifest


@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE)
def test_garbage_is_damaged(tmp_path: Path, data: bytes) -> None:
    """Whatever lies there, it is told in words, with the file's name and what to compare it with."""
    (tmp_path / "manifest.json").write_bytes(data)
    with pytest.raises(Damaged, match=r"manifest\.json") as caught:
        read_manifest(tmp_path)
    assert "manifest.previous.json" in caught.value.fix


def test_a_newer_schema_stops_and_names_the_version(tmp_path: Path) -> None:
    """A later batchbox wrote it: this one touches nothing and says which one is needed."""
    write_manifest(tmp_path, make_manifest(schema_number=SCHEMA + 1))
    before = (tmp_path / "manifest.json").read_bytes()
    with pytest.raises(Stop, match="newer batchbox") as caught:
        read_manifest(tmp_path)
    assert f"schema {SCHEMA + 1}" in caught.value.fix
    assert caught.value.code
    assert (tmp_path / "manifest.json").read_bytes() == before


def test_an_unknown_field_is_damage(tmp_path: Path) -> None:
    """Though its checksum is right: a field that this version does not know is never passed over."""
    later = LaterManifest.model_validate(make_manifest().model_dump(by_alias=True))
    write_manifest(tmp_path, later)
    with pytest.raises(Damaged, match="ValidationError"):
        read_manifest(tmp_path)
