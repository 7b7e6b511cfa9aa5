"""Lines that name local files: what is sent, what is answered, and what happens to the files."""

import io
import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import pytest

from batchbox.engine.steps.read_requests import Reading
from batchbox.formats.local_files import Fetch
from batchbox.ports.storage import Spool
from batchbox.settings.model import Settings
from batchbox_sandbox.remote import Sandbox
from tests.engine.conftest import Start
from tests.support.engine import Engine

PHOTO = b"\xff\xd8\xff photo \xff\xd9"
PARAMS = {"model": "claude-sonnet-5-5", "max_tokens": 9}
MANY = 40


def content(path: str) -> list[dict[str, Any]]:
    return [
        {"type": "image", "source": {"type": "file", "path": path}},
        {"type": "text", "text": "What is this?"},
    ]


def line(custom_id: str, path: str, **params: Any) -> bytes:
    messages = [{"role": "user", "content": content(path)}]
    full = {"custom_id": custom_id, "params": PARAMS | {"messages": messages} | params}
    return json.dumps(full).encode() + b"\n"


def put(engine: Engine, path: str, data: bytes = PHOTO) -> Path:
    place = engine.root / "inbox" / path
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(data)
    return place


def sources(engine: Engine) -> list[dict[str, Any]]:
    """Return the sources in the body that goes out."""
    (path,) = engine.root.glob("work/*/part-001.body.json")
    requests = json.loads(path.read_bytes())["requests"]
    return [request["params"]["messages"][0]["content"][0]["source"] for request in requests]


def test_every_form_of_a_line_may_name_files(start: Start, slow: Sandbox) -> None:
    """A batch request, bare params and a prompt of blocks send the file inline; the file stays as it is."""
    engine = start(slow, queue={"q": {"files": "share"}})
    photo = put(engine, "q/photos/a.jpg")
    shared = engine.root / "share/b.gif"
    shared.parent.mkdir()
    shared.write_bytes(b"GIF89a")
    forms = [
        line("1", "photos/a.jpg"),
        json.dumps({"messages": [{"role": "user", "content": content("b.gif")}]}).encode() + b"\n",
        json.dumps({"prompt": content("photos/a.jpg")}).encode() + b"\n",
    ]
    engine.drop("a.jsonl", b"".join(forms), "q")
    engine.run_until(engine.is_in("submitted"))
    jpeg = {"type": "base64", "media_type": "image/jpeg", "data": b64encode(PHOTO).decode()}
    gif = {"type": "base64", "media_type": "image/gif", "data": b64encode(b"GIF89a").decode()}
    assert sources(engine) == [jpeg, gif, jpeg]
    slow.end()
    engine.run_to_end()
    assert engine.receipt("a", "q")["status"] == "succeeded"
    assert photo.read_bytes() == PHOTO
    assert shared.read_bytes() == b"GIF89a"


def test_a_file_that_cannot_be_sent_is_a_mistake_of_its_line(engine: Engine) -> None:
    """The receipt names line, path, where it was looked for, and what to do."""
    put(engine, "photos/a.jpg", b"PK\x03\x04")
    engine.drop("a.jsonl", line("1", "photos/b.jpg") + line("2", "photos/a.jpg") + line("3", "../secret"))
    engine.run_to_end()
    receipt = engine.receipt("a")
    assert receipt["status"] == "rejected"
    found = [(mistake["line"], mistake["problem"].split(",")[0]) for mistake in receipt["mistakes"]]
    assert found == [
        (1, '"photos/b.jpg" was not found in inbox/'),
        (2, '"photos/a.jpg" is a ZIP'),
        (3, '"../secret" leads out of where files may be'),
    ]
    assert "put it there" in receipt["mistakes"][0]["fix"]


def test_the_errors_file_names_the_file_and_can_be_dropped_back(start: Start) -> None:
    """Not its base64: what is corrected is the line that was written, whether it was skipped or failed."""
    engine = start(bad_lines="skip")
    put(engine, "photos/a.jpg")
    engine.drop("a.jsonl", line("1", "photos/a.jpg", model="gpt-9") + line("2", "photos/b.jpg"))
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "failed"
    failed, skipped = engine.rows("a", "errors")
    assert failed["request"] == json.loads(line("1", "photos/a.jpg", model="gpt-9"))
    assert json.loads(skipped["raw"]) == json.loads(line("2", "photos/b.jpg"))
    failed["request"]["params"]["model"] = "claude-sonnet-5-5"
    put(engine, "photos/b.jpg")
    skipped["request"] = json.loads(skipped.pop("raw"))
    engine.drop("again.jsonl", b"".join(json.dumps(one).encode() + b"\n" for one in (failed, skipped)))
    engine.run_to_end()
    assert [row["custom_id"] for row in engine.rows("again")] == ["1", "2"]
    assert engine.receipt("again")["status"] == "succeeded"


def test_a_file_that_is_being_written_keeps_the_job_waiting(engine: Engine) -> None:
    """Nothing is refused and nothing sent before the writer has closed it."""
    photo = put(engine, "photos/a.jpg", PHOTO[:5])
    if not engine.ctx.spool.sees_writers:  # type: ignore[attr-defined]
        pytest.skip("writers cannot be seen on this file system")
    with open(photo, "ab") as writer:
        engine.drop("a.jsonl", line("1", "photos/a.jpg"))
        engine.run_for(30.0)
        (job,) = engine.manifests()
        assert job.state.value == "taken"
        writer.write(PHOTO[5:])
    engine.run_to_end()
    assert engine.receipt("a")["status"] == "succeeded"


class _Restless:
    """A spool in which every file is another one whenever it is read."""

    def __init__(self, spool: Spool, given: list[bytes]) -> None:
        self._spool = spool
        self._given = given

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spool, name)

    def attachments(self, *_of: object) -> Fetch:
        def fetch(_path: str, _limit: int) -> bytes:
            self._given.append(PHOTO[:3] + bytes([len(self._given)]) + PHOTO[3:])
            return self._given[-1]

        return fetch


def test_what_was_checked_is_what_is_sent(start: Start, slow: Sandbox) -> None:
    """Where a file is read twice, for ids that are used twice, the second reading is checked and sent."""
    given: list[bytes] = []
    engine = start(slow, bad_lines="skip")
    engine.ctx.spool = _Restless(engine.ctx.spool, given)
    engine.drop("a.jsonl", line("1", "a.jpg") + line("2", "a.jpg") + line("2", "a.jpg"))
    engine.run_until(engine.is_in("submitted"))
    assert [source["data"] for source in sources(engine)] == [b64encode(one).decode() for one in given[3:]]
    assert len(given) == 5


def test_requests_with_files_are_handed_on_one_after_the_other() -> None:
    """Short lines that become large are not kept together: memory is that of a few of them."""
    lines = b"".join(line(str(number), "a.jpg") for number in range(MANY))
    photo = PHOTO[:-2] + bytes(1 << 20) + PHOTO[-2:]
    rules = Settings().for_queue("default")
    found = Reading(io.BytesIO(lines), rules, 1 << 28, None, fetch=lambda _path, _limit: photo)
    assert [len(some) for some in found.requests() if some] == [1] * MANY
    assert (found.good, found.lines) == (MANY, MANY)


def test_files_that_are_too_many_for_a_request_are_not_all_read() -> None:
    """Reading ends where the limit is passed; the complaint is that of any request that is too large."""
    reads: list[str] = []

    def fetch(path: str, _limit: int) -> bytes:
        reads.append(path)
        return PHOTO[:-2] + bytes(1000) + PHOTO[-2:]

    blocks = content("a.jpg")[:1] * MANY
    text = json.dumps({"prompt": blocks}).encode() + b"\n"
    found = Reading(io.BytesIO(text), Settings().for_queue("default"), 6000, None, fetch=fetch)
    assert not [one for some in found.requests() for one in some]
    assert found.mistakes[0].problem == "the request is larger than one batch may be (6,000 bytes)"
    assert len(reads) == 5


@pytest.mark.parametrize("word", ["file", "image", "path", "source", "content", "messages"])
@pytest.mark.parametrize("blank", ["", " ", "\t "])
def test_no_line_that_names_a_file_is_taken_for_a_plain_one(blank: str, word: str) -> None:
    """However its brackets are spaced, and whatever stands before them; however a *word* is spelled."""
    source = '{"type":"file","path":"a.jpg"}'
    block = f'{{"type":"image","source":{source}}}'
    messages = f'[{blank}{{"role":"user","content":[{blank}{block}]}}]'
    text = f'{{"custom_id":"1","params":{{"model":"m","max_tokens":1,"messages":{messages}}}}}\n'
    text = text.replace(f'"{word}"', f'"{word[:-1]}\\u00{ord(word[-1]):02X}"')
    rules = Settings().for_queue("default")
    found = Reading(io.BytesIO(text.encode()), rules, 1 << 20, None, fetch=lambda _path, _limit: PHOTO)
    (request,) = [one for some in found.requests() for one in some]
    assert b64encode(PHOTO) in bytes(request.params)
