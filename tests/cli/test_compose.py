"""`compose`: request files of a prompt and files, rows, images or PDFs."""

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from batchbox.cli.main import app
from batchbox.domain.errors import BatchboxError
from batchbox.storage.local.lock import make_spool

pytestmark = pytest.mark.usefixtures("here")

PNG = b"\x89PNG\r\n\x1a\n" + b"p" * 90 + b"IEND"
PDF = b"%PDF-1.7\n" + b"p" * 90 + b"%%EOF"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder with files of all sorts, and go there."""
    for name, content in {
        "src/a.py": b"print('a')\n",
        "src/b.py": "grüße = {1}\r\n".encode(),
        "src/c.py": "sixteen".encode("utf-16"),
        "src/empty.py": b" \n",
        "review.md": "\N{ZERO WIDTH NO-BREAK SPACE}Review {path} ({name}).\n".encode(),
        "pictures/x.PNG": PNG,
        "pictures/deep/y.jpg": b"\xff\xd8\xff\xe0\xff\xd9",
        "pictures/notes.txt": b"n",
        "papers/p.pdf": PDF,
        "rows.csv": b'id;Name;text\n7;M\xc3\xbcller;"two\nlines {x}"\n8;"a ""b""";z\n',
    }.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for name in list(os.environ):
        if name.startswith("BATCHBOX_"):
            monkeypatch.delenv(name)
    return tmp_path


def run(*arguments: str, given: bytes = b"") -> Result:
    """Run the command; an error that a person made is raised."""
    done = CliRunner().invoke(app, ["compose", *arguments], input=given)
    if isinstance(done.exception, BatchboxError):
        raise done.exception
    return done


def written(*arguments: str, given: bytes = b"") -> list[dict[str, Any]]:
    """Return the lines that it writes."""
    done = run(*arguments, "--out", "out.jsonl", given=given)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in Path("out.jsonl").read_bytes().splitlines()]


def refused(*arguments: str) -> str:
    """Return what it says of wrong use."""
    with pytest.raises(BatchboxError) as found:
        run(*arguments)
    assert found.value.fix
    assert not list(Path().glob("*.jsonl"))
    return f"{found.value.problem}: {found.value.fix}"


def test_a_prompt_over_files() -> None:
    """Ids are the paths; what follows the prompt is the text, whatever is in it."""
    asked = ("--files", "src/*.py", "--prompt", "review.md")
    lines = written(*asked, "--model", "claude-haiku-5-5")
    assert [line["custom_id"] for line in lines] == ["src/a.py", "src/b.py", "src/c.py"]
    assert lines[0]["prompt"] == "Review src/a.py (a.py).\n\nprint('a')\n"
    assert lines[1]["prompt"].endswith("\n\ngrüße = {1}\r\n")
    assert lines[2]["prompt"].endswith("\n\nsixteen")
    assert all(set(line) == {"custom_id", "prompt", "model"} for line in lines)
    mode = stat.S_IMODE(Path("out.jsonl").stat().st_mode)
    Path("mine").touch()
    assert mode == stat.S_IMODE(Path("mine").stat().st_mode)
    assert not list(Path().glob(".compose*"))


def test_the_text_stands_where_the_prompt_says() -> None:
    """And everything else is as it was given."""
    (line, *_) = written(
        *("--files", "src/a.py", "--prompt", "Look: <{text}> {{}}", "--system", "Be kind, please."),
        *("--max-tokens", "9", "--params", '{"temperature": 0.50, "max_tokens": 7}'),
    )
    wanted = {"system": "Be kind, please.", "max_tokens": 9, "temperature": 0.5}
    assert line == {"custom_id": "src/a.py", "prompt": "Look: <print('a')\n> {}", **wanted}


@pytest.mark.parametrize("between", [b"\n", b"\0"])
def test_files_by_a_list(between: bytes) -> None:
    """From standard input, as `git diff` or `find -print0` give it; an empty one is no mistake."""
    listed = between.join([b"src/b.py", b"src/a.py", b""])
    lines = written("--files-from", "-", "--prompt", "Ask me.", given=listed)
    assert [line["custom_id"] for line in lines] == ["src/b.py", "src/a.py"]
    done = run("--files-from", "-", "--prompt", "Ask me.", "--out", "none.jsonl")
    assert (done.exit_code, done.output) == (0, "the list names nothing, so nothing is sent\n")
    assert not Path("none.jsonl").exists()
    done = run("--files-from", "-", "--prompt", "Ask me.", given=b"src/empty.py\n")
    assert done.exit_code == 1
    assert "there is no file to ask about" in done.output
    asked = ("--files-from", "-", "--prompt", "Ask me.", "--params", '{"stream": true}')
    assert run(*asked, given=listed).exit_code == 1


def test_a_prompt_over_rows() -> None:
    """The columns have their places; without one, the row follows the prompt."""
    lines = written("--csv", "rows.csv", "--prompt", "{Name} says: {text}")
    assert lines == [
        {"custom_id": "7", "prompt": "Müller says: two\nlines {x}"},
        {"custom_id": "8", "prompt": 'a "b" says: z'},
    ]
    Path("out.jsonl").unlink()
    lines = written("--csv", "rows.csv", "--prompt", "Classify.", "--id-column", "Name")
    assert lines[1] == {"custom_id": 'a "b"', "prompt": 'Classify.\n\nid: 8\nName: a "b"\ntext: z'}


def test_rows_that_cannot_be_sent_are_told_with_their_line() -> None:
    """Twice the same id, none, too few cells: nothing is written, unless the rest is asked for."""
    Path("bad.csv").write_text("id,text\n1,a\n1,b\n ,c\n4\n5,e\n")
    asked = ("--csv", "bad.csv", "--prompt", "Say: {text}", "--out", "bad.jsonl")
    done = run(*asked)
    assert done.exit_code == 1
    assert '    line 3: its id "1" was used in line 2 already' in done.output
    assert "    line 4: its id is empty" in done.output
    assert "    line 5: this row has 1 cells" in done.output
    assert "3 rows cannot be sent, so nothing is" in done.output
    assert not Path("bad.jsonl").exists()
    assert run(*asked, "--skip").exit_code == 0
    lines = Path("bad.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["custom_id"] for line in lines] == ["1", "5"]


def test_images_and_pdfs_go_inline() -> None:
    """Before the question, as the API's documentation advises; what is in it is told by how it begins."""
    lines = written("--images", "pictures", "--prompt", "What is on {name}?")
    assert [line["custom_id"] for line in lines] == ["pictures/x.PNG", "pictures/deep/y.jpg"]
    image, text = lines[0]["prompt"]
    assert base64.b64decode(image["source"].pop("data")) == PNG
    assert image == {"type": "image", "source": {"type": "base64", "media_type": "image/png"}}
    assert text == {"type": "text", "text": "What is on x.PNG?"}
    Path("out.jsonl").unlink()
    Path("papers/no.pdf").write_bytes(PNG)
    assert (
        'papers/no.pdf: "no.pdf" is a picture, not a document'
        in run("--pdfs", "papers", "--prompt", "Sum it up.").output
    )
    (line,) = written("--pdfs", "papers", "--prompt", "Sum it up.", "--exclude", "no.*")
    assert line["prompt"][0]["source"]["media_type"] == "application/pdf"
    assert line["prompt"][0]["type"] == "document"


def test_what_cannot_be_read_stops_it(here: Path) -> None:
    """Each file with the reason: no text, too large, no file; nothing is sent but by --skip."""
    (here / "src" / "blob.py").write_bytes(b"\xff\0\1")
    (here / "src" / "nul.py").write_bytes(b"a\0b")
    (here / "src" / "large.py").write_bytes(b"x" * 31)
    os.mkfifo(here / "src" / "pipe.py")
    done = run("--files", "src/*.py", "--prompt", "review.md", "--max-bytes", "30")
    assert done.exit_code == 1
    for told in (
        "src/blob.py: it is no text in UTF-8: byte 1 is 0xff",
        "src/nul.py: it is no text: there is a NUL in it",
        "src/large.py: it is larger than 30 bytes (--max-bytes)",
        "src/pipe.py: it cannot be read: it is not a file",
        "src/empty.py: it is empty",
        "4 files cannot be sent, so nothing is",
    ):
        assert told in done.output
    asked = ("--files", "src/*.py", "--prompt", "review.md", "--max-bytes", "30", "--skip", "--json")
    told = json.loads(run(*asked).output)
    assert (told["requests"], told["left_out_total"], told["problem"]) == (3, 5, None)


def test_it_shows_what_it_would_cost() -> None:
    """And sends nothing by itself; of a model without a price it says so."""
    done = run("--files", "src/*.py", "--prompt", "review.md", "--max-tokens", "1000")
    assert done.exit_code == 0
    assert "3 requests to claude-sonnet-5-5, " in done.output
    assert "tokens in, up to 3,000 out" in done.output
    assert "USD without batching" in done.output
    assert "the first: src/a.py" in done.output
    assert "nothing was dropped: add --drop, or --out FILE" in done.output
    assert max(map(len, done.output.splitlines())) <= 80
    asked = ("--files", "src/*.py", "--prompt", "review.md", "--model", "mystery-1")
    assert "what it may cost is not known: no price is known for mystery-1" in run(*asked).output
    told = json.loads(run(*asked, "--json").output)
    assert told["estimate"]["cost_usd"] is None
    assert told["first"] == {"custom_id": "src/a.py", "prompt": "Review src/a.py (a.py).\n\nprint('a')\n"}


def test_it_is_dropped_whole(here: Path) -> None:
    """Under a name that says what was asked, or the one that is given; as the queue's settings have it."""
    make_spool(here / "spool")
    settings = '[queue.night]\nmodel = "claude-haiku-5-5"\nmax_cost_per_file = 0.0\n'
    (here / "spool" / "batchbox.toml").write_text(settings)
    asked = ("--files", "src/*.py", "--prompt", "review.md", "--spool", "spool", "--drop")
    done = run(*asked, "--queue", "night", "--name", "monday.jsonl")
    assert done.exit_code == 0
    assert "to claude-haiku-5-5" in done.output
    assert "it would be held until somebody releases it" in done.output
    assert "its receipt will be monday.receipt.json" in " ".join(done.output.split())
    assert len((here / "spool" / "inbox" / "night" / "monday.jsonl").read_bytes().splitlines()) == 3
    told = json.loads(run(*asked, "--json").output)
    assert told["dropped"].startswith("review-2")
    assert (here / "spool" / "inbox" / told["dropped"]).exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--prompt", "Ask me."], "files, rows, images or PDFs"),
        (["--prompt", "Ask me.", "--files", "src/*", "--csv", "rows.csv"], "one of them only"),
        (["--prompt", "reveiw.md", "--files", "src/*"], "there is no file reveiw.md"),
        (["--prompt", "a/b", "--files", "src/*"], "there is no file a/b"),
        (["--prompt", " ", "--files", "src/*"], "the prompt is empty"),
        (["--prompt", "src/c.py", "--files", "src/*"], "src/c.py cannot be read"),
        (["--prompt", "Ask { me", "--files", "src/*"], 'it has a lone "{": write {{ for a brace'),
        (["--prompt", "Ask {txt}", "--files", "src/*"], "there are: {text}, {path}, {name}"),
        (["--prompt", "See {text}", "--images", "pictures"], "there are: {path}, {name}"),
        (["--prompt", "See {Nam}", "--csv", "rows.csv"], "there are: {id}, {Name}, {text}"),
        (
            ["--prompt", "Ask me.", "--csv", "rows.csv", "--id-column", "no"],
            "the columns are: id, Name, text",
        ),
        (["--prompt", "Ask me.", "--files", "src/*", "--id-column", "id"], "goes with --csv"),
        (["--prompt", "Ask me.", "--csv", "none.csv"], "none.csv cannot be read: No such file"),
        (["--prompt", "Ask me.", "--images", "none"], "none is not a folder"),
        (["--prompt", "Ask me.", "--files-from", "none"], "none cannot be read"),
        (["--prompt", "Ask me.", "--files", "src/*", "--params", "{"], "--params is no JSON object"),
        (["--prompt", "Ask me.", "--files", "src/*", "--params", "[]"], "--params is no JSON object"),
        (
            ["--prompt", "Ask me.", "--files", "src/*", "--params", '{"a": NaN}'],
            "--params is no JSON object: JSON is malformed",
        ),
        (["--prompt", "Ask me.", "--files", "src/*", "--params", '{"messages": []}'], 'not have "messages"'),
        (["--prompt", "Ask me.", "--files", "src/*", "--wait"], "--wait waits for what was dropped"),
        (["--prompt", "Ask me.", "--files", "src/*", "--drop"], "no spool was named"),
        (["--prompt", "Ask me.", "--files", "src/*", "--drop", "--out", "x"], "do not go together"),
        (["--prompt", "Ask me.", "--files", "src/*", "--out", "no/x"], "there is no folder for no/x"),
        (["--prompt", "Ask me.", "--files", "src/*", "--name", "../x.jsonl"], "x.jsonl would not be taken"),
        (["--prompt", "Ask \udcff me.", "--files", "src/*"], "the prompt is not UTF-8"),
        (["--prompt", "Ask me.", "--files", "src/*", "--name", "x.csv"], "x.csv would not be taken"),
        (["--prompt", "Ask me.", "--files", "src/*", "--out", "review.md"], "review.md is there already"),
    ],
)
def test_wrong_use_is_told(arguments: list[str], told: str) -> None:
    """With what to do; nothing is written."""
    assert told in refused(*arguments)


def test_what_matches_nothing_or_would_be_refused_is_no_success() -> None:
    """A slip in a pattern, or params that no API takes: exit code 1, and nothing is written."""
    done = run("--files", "scr/*.py", "--prompt", "review.md", "--out", "out.jsonl")
    assert (done.exit_code, done.output) == (1, "there is no file to ask about, so nothing is sent\n")
    done = run("--files", "src/*.py", "--prompt", "review.md", "--params", '{"stream": true}')
    assert done.exit_code == 1
    assert "request 1: a batch cannot stream" in " ".join(done.output.split())
    Path("link.py").symlink_to("src/a.py")
    done = run("--files", "link.py", "--prompt", "review.md", "--out", "out.jsonl")
    told = "  1 link not followed: link.py\nthere is no file to ask about, so nothing is sent\n"
    assert (done.exit_code, done.output) == (1, told)
    assert not list(Path().glob("*.jsonl"))


def test_a_queue_that_would_refuse_it_is_told(here: Path) -> None:
    """Before anything is made; with the queues that there are."""
    (here / "spool").mkdir()
    (here / "spool" / "batchbox.toml").write_text('undeclared_queues = "refuse"\n[queue.night]\n')
    asked = ("--files", "src/*.py", "--prompt", "review.md", "--spool", "spool", "--queue")
    assert refused(*asked, "nigth") == 'there is no queue "nigth" here: there are: default, night'
    assert run(*asked, "night").exit_code == 0


def test_settings_that_cannot_be_seen_are_told(here: Path) -> None:
    """Who may drop need not be one who may read them: what is shown may then not be what holds."""
    make_spool(here / "spool")
    (here / "spool" / "batchbox.toml").symlink_to("batchbox.toml")  # nobody can read that
    asked = ("--files", "src/*.py", "--prompt", "review.md", "--spool", "spool", "--name", "x.jsonl")
    done = run(*asked, "--drop")
    assert done.exit_code == 0
    assert "the settings of this spool are not yours to read" in " ".join(done.output.split())
    assert (here / "spool" / "inbox" / "x.jsonl").exists()
    assert json.loads(run(*asked, "--json").output)["knows_settings"] is False


def test_no_room_is_told(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the draft was to be, and how to name another place."""
    monkeypatch.setattr("tempfile.tempdir", str(here / "review.md"))
    assert f"nothing can be written to {here}/review.md: Not a directory" in refused(
        "--files", "src/*.py", "--prompt", "review.md"
    )
