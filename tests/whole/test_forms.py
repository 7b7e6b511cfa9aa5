"""Files of other forms than lines of JSON, as a person checks and drops them."""

import gzip
import json
from pathlib import Path

from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import Box, request, wait_for

TABLE = b"nr;title;text\r\n1;One;Why?\r\n2;Two;\r\n3;Three;How?;really\r\n"


def test_check_reads_every_form(box: Box, tmp_path: Path) -> None:
    """Lines of the table itself are named; what cannot be read at all has no line."""
    (tmp_path / "t.csv").write_bytes(TABLE)
    (tmp_path / "p.jsonl.gz").write_bytes(gzip.compress(request("a") + request("b")))
    (tmp_path / "note.md").write_bytes(b"Why?")
    (tmp_path / "x.xlsx").write_bytes(b"PK")
    (tmp_path / "bomb.jsonl.gz").write_bytes(gzip.compress(bytes(1 << 20)) * 1024)
    names = ["t.csv", "p.jsonl.gz", "note.md", "x.xlsx", "bomb.jsonl.gz"]
    done = box.command(
        *("check", "--json", *(str(tmp_path / name) for name in names)),
        BATCHBOX_PROMPT="Sum up: {text}",
        BATCHBOX_MAX_UNPACKED_BYTES="10_000_000",
    )
    assert (done.returncode, done.stderr) == (1, "")
    table, packed, note, foreign, bomb = json.loads(done.stdout)
    assert [(one["line"], one["problem"]) for one in table["mistakes"]] == [
        (3, "there is nothing to ask in this row"),
        (4, "this row has 4 cells and the header 3"),
    ]
    assert (packed["would_send"], packed["requests"], note["requests"]) == (True, 2, 1)
    assert "CSV UTF-8" in foreign["mistakes"][0]["fix"]
    assert bomb["mistakes"] == [
        {
            "problem": "the file unpacks to more than 10,000,000 bytes, as lines of JSON",
            "fix": "split it, or ask whoever runs batchbox to allow more (max_unpacked_bytes)",
        }
    ]


def test_drop_waits_for_the_receipt_of_the_file_that_was_dropped(
    box: Box, sandbox: Sandbox, tmp_path: Path
) -> None:
    """Whatever became of it inside, the receipt has its name, size and digest."""
    path = tmp_path / "data.jsonl.gz"
    path.write_bytes(gzip.compress(request("a")))
    with box.running():
        done = box.command("drop", str(path), "--wait", "--json")
        assert done.returncode == 0, done.stderr
        receipt = json.loads(done.stdout)
        assert (receipt["file"], receipt["input"]["size"]) == (path.name, path.stat().st_size)
        (tmp_path / "t.csv").write_bytes(TABLE)
        refused = box.command("drop", str(tmp_path / "t.csv"), "--wait")
        assert refused.returncode == 1
        assert 'no column is called "prompt"' in " ".join(refused.stdout.split())
        wait_for(lambda: len(list((box.root / "done").rglob("manifest.json"))) == 2, "the archive")
        shown = box.command("show", "data.jsonl.gz").stdout
    assert "data.jsonl.gz" in shown
    assert len(sandbox.batches()) == 1
