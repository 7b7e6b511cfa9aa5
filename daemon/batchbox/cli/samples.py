"""The samples: files to drop, and how each should end."""

import json
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SampleFile:
    """A file of `sample_inbox/`; *mistakes* are the lines that are wrong on purpose."""

    path: Path
    status: str
    requests: int
    mistakes: list[int]

    @property
    def name(self) -> str:
        """The file's name."""
        return self.path.name


def find_samples() -> list[SampleFile]:
    """Return the samples in the order in which they are dropped."""
    folder = _folder()
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    return [
        SampleFile(folder / name, end["status"], end.get("requests", 0), end.get("mistakes", []))
        for name, end in sorted(expected.items())
    ]


def _folder() -> Path:
    """Return where the samples are: in the installed package, or beside the source."""
    package = Path(str(files("batchbox")))
    installed = package / "sample_inbox"
    return installed if installed.exists() else package.parents[1] / "sample_inbox"
