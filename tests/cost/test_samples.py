"""The samples that the demo drops hold what it says they hold."""

import io
from pathlib import Path

import pytest

from batchbox.cli.samples import SampleFile, find_samples
from batchbox.domain.file_types import form_of
from batchbox.domain.records import Problem
from batchbox.engine.steps.conversion import Lines, write_lines
from batchbox.formats.request_lines import Request, read_line
from batchbox.settings.model import Settings
from tests.support.values import DEFAULTS


def read_lines(path: Path) -> bytes:
    """Return what the file at *path* says, as lines of JSON."""
    form, out = form_of(path.name.encode()), io.BytesIO()
    if not form or form.is_plain:
        return path.read_bytes()
    with path.open("rb") as file:
        lines = Lines(out, 1 << 20, lambda _: True)
        write_lines(file, lines, form, path.name.encode(), "default", Settings().for_queue("default"))
    return out.getvalue()


@pytest.mark.parametrize("sample", find_samples(), ids=lambda sample: sample.name)
def test_a_sample_has_the_requests_and_mistakes_that_are_expected(sample: SampleFile) -> None:
    """Every request is good, and every mistake is on the line where it is meant to be."""
    lines = read_lines(sample.path).splitlines(keepends=True)
    found = [read_line(number, raw, DEFAULTS) for number, raw in enumerate(lines, start=1)]
    requests = {one.line: one.custom_id for one in found if isinstance(one, Request)}
    ids = list(requests.values())
    doubled = {line for turn, (line, own) in enumerate(requests.items()) if own in ids[:turn]}
    wrong = {one.line for one in found if isinstance(one, Problem)} | doubled
    assert sorted(filter(None, wrong)) == sample.mistakes
    assert sample.status == ("rejected" if wrong else "succeeded")
    assert wrong or len(requests) == sample.requests
