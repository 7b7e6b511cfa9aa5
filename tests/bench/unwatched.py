"""`python -m tests.bench.unwatched`: the command line of batchbox, but nothing wakes the scan early."""

from collections.abc import Callable
from pathlib import Path

from batchbox.cli.main import main
from batchbox.storage.local import watcher


def _watch_nothing(root: Path, wake: Callable[[], None]) -> Callable[[], None]:  # noqa: ARG001  the one it stands for has them
    return lambda: None


if __name__ == "__main__":
    watcher.watch_inbox = _watch_nothing
    main()
