"""The key: where it is looked for, and that it is never shown."""

from pathlib import Path

import pytest

from batchbox.domain.errors import NO_KEY, Stop
from batchbox.runtime.key import read_key
from batchbox.settings.model import Settings
from batchbox.settings.sources import load_settings, unknown_variables

SECRET = "sk-ant-made-up"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    """Give the path of a key file that is not there yet."""
    return tmp_path / "key"


@pytest.fixture
def credentials(tmp_path: Path) -> Path:
    """Give a folder as systemd makes it for credentials, still empty."""
    folder = tmp_path / "credentials"
    folder.mkdir()
    return folder


def load(key_file: Path | None = None) -> Settings:
    return load_settings(None, {}, api_key_file=key_file)


def refuse(settings: Settings, **environ: str) -> Stop:
    with pytest.raises(Stop) as caught:
        read_key(settings, environ)
    assert caught.value.code == NO_KEY
    assert caught.value.fix
    return caught.value


def test_the_credential_comes_first_then_the_file_then_the_variable(
    key_file: Path, credentials: Path
) -> None:
    """Each place is asked only where the one before holds nothing; blanks around a key do not count."""
    environ = {"CREDENTIALS_DIRECTORY": str(credentials), "ANTHROPIC_API_KEY": " of-variable "}
    key_file.write_text("of-file\n")
    assert read_key(load(), environ) == "of-variable"
    assert read_key(load(key_file), environ) == "of-file"
    (credentials / "api_key").write_text("of-credential\r\n")
    assert read_key(load(key_file), environ) == "of-credential"
    for place in (credentials / "api_key", key_file):
        place.write_text("\n")
    assert read_key(load(key_file), environ) == "of-variable"


@pytest.mark.parametrize("environ", [{}, {"ANTHROPIC_API_KEY": ""}, {"ANTHROPIC_API_KEY": " \n"}])
def test_without_a_key_there_is_a_way_to_try(environ: dict[str, str]) -> None:
    """No key stops the start with its own exit code, and says what works without one."""
    stop = refuse(load(), **environ)
    assert stop.problem == "there is no API key"
    assert "ANTHROPIC_API_KEY" in stop.fix
    assert "batchbox demo" in stop.fix


@pytest.mark.parametrize(("kind", "reason"), [("missing", "No such file"), ("folder", "Is a directory")])
def test_a_key_file_that_cannot_be_read_is_named(key_file: Path, kind: str, reason: str) -> None:
    """A key file that was set is never passed over in silence, not even where the variable has a key."""
    if kind == "folder":
        key_file.mkdir()
    stop = refuse(load(key_file), ANTHROPIC_API_KEY=SECRET)
    assert stop.problem.startswith(f"no key in {key_file}: {reason}")


@pytest.mark.parametrize(
    "content",
    [
        f"{SECRET}\n{SECRET}".encode(),
        f"key = {SECRET}".encode(),
        f"{SECRET}\x00".encode(),
        b"\xff\xfe" + SECRET.encode("utf-16-le"),
        f"{SECRET}é".encode(),
        b"\xef\xbb\xbf" + SECRET.encode(),
    ],
    ids=["two-lines", "more-words", "nul", "utf-16", "letters", "bom"],
)
def test_what_is_no_key_is_refused_and_not_shown(key_file: Path, content: bytes) -> None:
    """What no HTTP header can hold would come back in an error: it is refused before, unseen."""
    key_file.write_bytes(content)
    stop = refuse(load(key_file))
    assert stop.problem == f"what is in {key_file} is not an API key"
    assert SECRET not in stop.problem + stop.fix
    assert stop.__suppress_context__ or stop.__context__ is None


def test_a_variable_that_is_no_key_is_refused_and_not_shown() -> None:
    """The same holds for the variable."""
    stop = refuse(load(), ANTHROPIC_API_KEY=f"{SECRET} {SECRET}")
    assert stop.problem == "what is in ANTHROPIC_API_KEY is not an API key"
    assert SECRET not in stop.fix


def test_the_key_is_no_setting(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings may be shown to anyone: whatever holds the key, they do not."""
    key_file.write_text(SECRET)
    for name in ("ANTHROPIC_API_KEY", "BATCHBOX_API_KEY", "BATCHBOX_KEY"):
        monkeypatch.setenv(name, SECRET)
    settings = load(key_file)
    assert read_key(settings, {}) == SECRET
    for shown in (repr(settings), str(settings), settings.model_dump_json(), repr(settings.for_queue(""))):
        assert SECRET not in shown


@pytest.mark.parametrize(
    ("name", "near"),
    [
        ("BATCHBOX_POL_SECONDS", "BATCHBOX_POLL_SECONDS"),
        ("BATCHBOX_MAX_ATTEMPT", "BATCHBOX_MAX_ATTEMPTS"),
        ("BATCHBOX_SPOOOL", "BATCHBOX_SPOOL"),
        ("BATCHBOX_API_KEY", "BATCHBOX_API_KEY_FILE"),
        ("BATCHBOX_ZZZ", ""),
    ],
)
def test_a_variable_that_means_nothing_is_told_with_the_nearest(name: str, near: str) -> None:
    """A slip in a variable's name is found, without its value; what others set is none of our business."""
    environ = {name: SECRET, "BATCHBOX_SPOOL": "x", "BATCHBOX_POLL_SECONDS": "1", "HOME": "x"}
    assert unknown_variables(environ) == {name: near}
