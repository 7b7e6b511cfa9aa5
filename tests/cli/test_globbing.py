"""Which files a pattern means."""

import os
from pathlib import Path

import pytest

from batchbox.cli.compose.globbing import Matching


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a folder, and go there."""
    for name in ("src/b.py", "src/a.py", "src/deep/er/c.py", "src/x.txt", "src/.env.py", "src/.git/d.py"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(name)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret.py").write_text("s")
    (tmp_path / "src" / "linked").symlink_to("../outside")
    (tmp_path / "src" / "link.py").symlink_to("../outside/secret.py")
    (tmp_path / "src" / "round").symlink_to(".")
    monkeypatch.chdir(tmp_path)
    return tmp_path


ALL = ["src/a.py", "src/b.py", "src/deep/er/c.py"]


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("src/**/*.py", ALL),
        ("./src/**/*.py", ALL),
        ("**/*.py", ["outside/secret.py", *ALL]),
        ("src/*.py", ALL[:2]),
        ("src/*/*/[a-c].py", ALL[2:]),
        ("src/deep/**", ["src/deep/er/c.py"]),
        ("src/**/er/**/c.*", ["src/deep/er/c.py"]),
        ("src/.e*", ["src/.env.py"]),
        ("src/.git/*", ["src/.git/d.py"]),
        ("src/a.py", ["src/a.py"]),
        ("nowhere/**/*.py", []),
        ("src/?", []),
    ],
)
def test_a_pattern_means_files_in_order(tree: Path, pattern: str, found: list[str]) -> None:
    """Neither what is hidden nor what a link leads to, unless it is named; each file once."""
    assert list(Matching([]).find(pattern)) == found
    absolute = [str(tree / path) for path in found]
    assert list(Matching([]).find(str(tree / pattern))) == absolute


def test_links_are_told(tree: Path) -> None:
    """Those that would have matched, and those to folders in which something might have."""
    matching = Matching([])
    assert list(matching.find("src/**/*.py")) == ALL
    assert matching.links == {"src/link.py", "src/linked", "src/round"}
    listed = Matching([])
    assert list(listed.find_listed(["src/link.py", "src/a.py", "src/a.py"])) == ["src/a.py"]
    assert listed.links == {"src/link.py"}
    named = Matching([])
    assert not [*named.find("src/link.py"), *named.find(str(tree / "src/link.py"))]
    assert named.links == {"src/link.py", str(tree / "src/link.py")}


@pytest.mark.usefixtures("tree")
def test_a_folder_that_is_named_may_be_a_link() -> None:
    """Who names it has looked there; where a pattern meets one, nobody has."""
    matching = Matching([])
    assert [*matching.find("src/linked/*.py")] == ["src/linked/secret.py"]
    assert not matching.links
    assert not [*matching.find("src/link*/*.py")]
    assert matching.links == {"src/linked"}


@pytest.mark.parametrize(
    ("excluded", "found"),
    [
        (["b.*"], ["src/a.py", "src/deep/er/c.py"]),
        (["er"], ALL[:2]),
        (["src/deep/"], ALL[:2]),
        (["src/*/c.py", "a.py"], ["src/b.py"]),
        (["rc/deep"], ALL),
    ],
)
@pytest.mark.usefixtures("tree")
def test_what_is_excluded_is_passed_by(excluded: list[str], found: list[str]) -> None:
    """By any name on the way, or by the path from where one stands."""
    assert list(Matching(excluded).find("src/**/*.py")) == found


def test_several_patterns_give_each_file_once(tree: Path) -> None:
    """In the order of the patterns."""
    matching = Matching([])
    both = [*matching.find("src/b*"), *matching.find("src/*.py")]
    assert both == ["src/b.py", "src/a.py"]
    odd = os.fsdecode(b"odd\xff.py")
    (tree / "src" / odd).write_text("x")
    assert list(matching.find("src/odd*")) == [f"src/{odd}"]
