"""`batchbox check` reads the files that lines name, as the daemon would."""

import json
from pathlib import Path

from tests.support.daemon import Box


def test_files_are_looked_for_beside_the_file_and_in_the_declared_folder(box: Box, tmp_path: Path) -> None:
    """What would be sent has their size; what is missing is a mistake that says where it was looked for."""
    (box.root / "batchbox.toml").write_text('[queue.q]\nfiles = "share"\n')
    (box.root / "share").mkdir()
    (box.root / "share/b.gif").write_bytes(b"GIF89a" + bytes(3000))
    paths = ["a.gif", "b.gif"]
    blocks = [[{"type": "image", "source": {"type": "file", "path": path}}] for path in paths]
    file = tmp_path / "x.jsonl"
    file.write_text("".join(json.dumps({"prompt": block}) + "\n" for block in blocks))
    (report,) = json.loads(box.command("check", "--queue", "q", "--json", str(file)).stdout)
    (mistake,) = report["mistakes"]
    assert mistake["problem"] == f'"a.gif" was not found in {tmp_path}/ and in {box.root}/share/'
    (tmp_path / "a.gif").write_bytes(b"GIF89a")
    (report,) = json.loads(box.command("check", "--queue", "q", "--json", str(file)).stdout)
    assert report["would_send"]
    assert report["bytes"] > 4000
