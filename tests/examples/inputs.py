"""Made-up input: what people have lying about."""

import base64
import shutil
import subprocess
from pathlib import Path

# one pixel each, from the smallest files of their kinds
PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
GIF = base64.b64decode("R0lGODlhAQABAIAAAAUEBAAAACwAAAAAAQABAAACAkQBADs=")

FILES: dict[str, str | bytes] = {
    "src/parse.py": "def parse(text):\n    return eval(text)\n",
    "src/store.py": "def save(path, rows):\n    open(path, 'w').write(str(rows))\n",
    "src/__init__.py": "",
    "agents/scout/monday.md": "# Monday\nRead 14 pages of the archive.\n",
    "agents/scout/friday.md": "# Friday\nFound the missing index.\n",
    "agents/smith/monday.md": "# Monday\nMended two builds.\n",
    "notes/billing.md": "# Billing\nInvoices go out on the first.\n",
    "notes/ops/backup.md": "# Backup\nEach night at two.\n",
    "photos/hill.png": PNG,
    "photos/2026/boat.gif": GIF,
    "photos/notes.txt": "the boat is Ada's\n",
    "tickets.csv": "id,customer,text\r\nT-1,Müller & Söhne,It does not start.\r\n"
    'T-2,Ada,"Where is\nmy invoice?"\r\n',
    "questions.jsonl": '"Why is the sky blue?"\n"Why is the sea salt?"\n',
    # as Excel in a country with decimal commas saves "CSV UTF-8"
    "sheet.csv": b'\xef\xbb\xbfid;text\r\n1;Why is the sky blue?\r\n2;"Blue; or not?"\r\n',
}


def make_inputs(folder: Path) -> None:
    """Put them into *folder*, the first half of it under git."""
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    git = shutil.which("git")
    if not git:
        return
    for words in (
        ["init", "-q"],
        ["add", "src"],
        ["-c", "user.name=Ada", "-c", "user.email=ada@example.org", "commit", "-q", "-m", "Begin"],
    ):
        subprocess.run([git, *words], cwd=folder, check=True, capture_output=True)
