"""Slips: on which line of a TOML file a setting stands, however it is written there."""

import tomllib

import pytest

from batchbox.settings.errors import find_line, nearest

TEXT = '''\
# model = "no"
model = "m"

system = """
max_jobs = 1
[queue.fake]
"""
max_jobs = 2
list = [
  1,  # max_tokens = 3
  2,
]

[queue.a]  # the first
  bad_lines = "skip"
queue.dotted = 1
params = { tools = [
  "x" ] }
"quoted key" = 1

[queue.a.more]
x = 1

[[rows]]
a = 1
[[rows]]
a = 2
'''


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (["model"], 2),
        (["system"], 4),
        (["max_jobs"], 8),
        (["list"], 9),
        (["list", 1], 9),
        (["queue"], 14),
        (["queue", "a"], 14),
        (["queue", "a", "bad_lines"], 15),
        (["queue", "a", "queue", "dotted"], 16),
        (["queue", "a", "params", "tools", 0], 17),
        (["queue", "a", "quoted key"], 19),
        (["queue", "a", "more"], 21),
        (["queue", "a", "more", "x"], 22),
        (["queue", "a", "missing"], 14),
        (["rows", 1, "a"], 27),
        (["fake"], 0),
    ],
)
def test_the_line_is_where_the_setting_begins(place: list[str | int], line: int) -> None:
    """Not in a comment, not inside a string, in its own table; what is missing, where it would be."""
    tomllib.loads(TEXT)
    assert find_line(TEXT, place) == line


def test_there_is_no_line_in_what_is_no_toml() -> None:
    """Nor in nothing."""
    assert find_line("a ==", ["a"]) == 0
    assert find_line("", ["a"]) == 0


def test_windows_line_ends_count_as_one() -> None:
    """As an editor counts."""
    assert find_line("a = 1\r\nb = 2\r\n", ["b"]) == 2


def test_the_nearest_name() -> None:
    """A slip of the pen finds it, something else finds nothing."""
    assert nearest("modle", {"model", "system"}) == "model"
    assert not nearest("zzz", {"model", "system"})


def test_every_line_of_a_long_file_is_found() -> None:
    """As when each of many tables has a line of its own, with a list over three lines between them."""
    tables = [f"[queue.q{number}]\nparams = [\n 1,\n]\nmodel = 1\n" for number in range(200)]
    text = "".join(tables)
    for number in (0, 1, 99, 198, 199):
        assert find_line(text, ["queue", f"q{number}", "model"]) == 5 * number + 5
        assert find_line(text, ["queue", f"q{number}", "params", 0]) == 5 * number + 2
