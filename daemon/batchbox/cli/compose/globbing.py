"""Matching: the files that a pattern such as `src/**/*.py` means, in an order that is always the same.

`*`, `?` and `[...]` stand within a name, `**` for any folders in between. Names that begin with a dot are
matched only where the pattern says the dot, and links are not followed: what is sent is paid for, and so
nothing is sent that does not lie where it was looked for. Only a folder that is named itself may be one.
"""

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase, translate
from pathlib import PurePath

from batchbox.domain.errors import BAD_SETTINGS, Stop

ANY_FOLDERS = "**"
WILD = re.compile(r"[*?[]")


class Matching:
    """Finds files, each once. *excluded*: names, or paths with a slash, that are not meant.

    *links*: those that would have matched, and those to folders on the way.
    """

    def __init__(self, excluded: list[str]) -> None:
        self._excluded = excluded
        self._seen: set[str] = set()
        self.links: set[str] = set()

    def find(self, pattern: str) -> Iterator[str]:
        """Yield the paths that *pattern* means; they begin as the pattern does."""
        parts = PurePath(pattern).parts
        wild = next((place for place, part in enumerate(parts) if WILD.search(part)), len(parts))
        if wild == len(parts):
            yield from self.find_listed([pattern])  # as a shell leaves it of a pattern without quotes
            return
        for path in self._walk(os.path.join("", *parts[:wild]), parts[wild:]):
            yield from self._admit(path)

    def find_listed(self, listed: list[str]) -> Iterator[str]:
        """Yield those paths of a list that are not links."""
        for path in listed:
            if os.path.islink(path):
                self.links.add(path)
            else:
                yield from self._admit(path)

    def _admit(self, path: str) -> Iterator[str]:
        if path not in self._seen and not self._is_excluded(path):
            self._seen.add(path)
            yield path

    def _is_excluded(self, path: str) -> bool:
        names = PurePath(path).parts
        return any(_excludes(one, path, names) for one in self._excluded)

    def _walk(self, folder: str, parts: tuple[str, ...]) -> Iterator[str]:
        part, *rest = parts
        if part == ANY_FOLDERS:
            yield from self._walk(folder, tuple(rest) or ("*",))
        name = re.compile(translate(part))
        for entry in _list(folder):
            if not name.fullmatch(entry.name) or (entry.name.startswith(".") and not part.startswith(".")):
                continue
            path = os.path.join(folder, entry.name)
            if entry.is_symlink():
                self._pass_by(entry, path, is_last=not rest and part != ANY_FOLDERS)
            elif not entry.is_dir():
                yield from (path,) if not rest and part != ANY_FOLDERS else ()
            elif (rest or part == ANY_FOLDERS) and not self._is_excluded(path):
                yield from self._walk(path, parts if part == ANY_FOLDERS else tuple(rest))

    def _pass_by(self, entry: os.DirEntry[str], path: str, *, is_last: bool) -> None:
        if is_last or entry.is_dir():
            self.links.add(path)


def _excludes(pattern: str, path: str, names: tuple[str, ...]) -> bool:
    if "/" not in pattern:
        return any(fnmatchcase(name, pattern) for name in names)
    return fnmatchcase(path, pattern) or path.startswith(pattern.rstrip("/") + "/")


def _list(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder or ".") as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        problem = f"the folder {folder} cannot be read: {error.strerror}"
        raise Stop(problem, "make it readable, or leave it out by --exclude", code=BAD_SETTINGS) from None
