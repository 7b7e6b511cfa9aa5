"""A spool on a real disk for each test."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from batchbox.storage.local.layout import Layout
from batchbox.storage.local.local_spool import LocalSpool
from batchbox.storage.local.lock import make_spool
from tests.storage.support import IS_ROOT, NOBODY


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Give a spool that nobody holds."""
    make_spool(tmp_path / "spool")
    return tmp_path / "spool"


@pytest.fixture
def layout(root: Path) -> Layout:
    """Give the places in the spool."""
    return Layout(root)


@pytest.fixture
def spool(root: Path) -> Iterator[LocalSpool]:
    """Give the spool, held by this process."""
    held = LocalSpool(root, epoch=1)
    yield held
    held.close()


@pytest.fixture
def common_root() -> Iterator[Path]:
    """Give a spool that belongs to a user whom permissions bind: us, or nobody if we are root."""
    base = Path(tempfile.mkdtemp())
    base.chmod(0o755)
    make_spool(base / "spool")
    if IS_ROOT:
        for path in (base / "spool", *(base / "spool").rglob("*")):
            os.chown(path, NOBODY, NOBODY)
    yield base / "spool"
    for folder, below, _ in os.walk(base):
        for name in below:
            os.chmod(Path(folder, name), 0o700)
    shutil.rmtree(base)
