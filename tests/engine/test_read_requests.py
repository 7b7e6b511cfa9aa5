"""A file that is read in blocks is read as it would be line by line."""

import io
import json
from random import Random

import msgspec
import pytest

from batchbox.domain.records import Problem
from batchbox.engine.steps import read_requests
from batchbox.engine.steps.ingest import measure
from batchbox.engine.steps.read_requests import MISTAKES_KEPT, Reading
from batchbox.formats.batch_body import fits_alone, size_of
from batchbox.formats.request_lines import Request, read_line
from batchbox.settings.model import Settings
from batchbox.settings.queues import QueueSettings

LIMIT = 3000
MANY = 50
Facts = tuple[int, str, str, bytes]


def rules(skips: bool) -> QueueSettings:
    return Settings(bad_lines="skip" if skips else "reject").for_queue("default")


def plain(custom_id: str, size: int = 0) -> bytes:
    params = {"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "ü" + "x" * size}]}
    return json.dumps({"custom_id": custom_id, "params": params}, ensure_ascii=False).encode()


def some_line(random: Random, number: int) -> bytes:
    """Return a line of any kind; most are plain, and some ids are used twice."""
    own = f"id-{random.choice([number, random.randrange(number + 1)])}"
    odd = [
        b"",
        b" \t",
        b'"Hi"',
        b'{"prompt":"Hi","custom_id":"%s"}' % own.encode(),
        plain(str(number)),
        plain("line-000003"),
        plain("ä" * 40),
        plain(own)[:-5],
        b'{"custom_id":"bad","params":{"model":"m","max_tokens":0,"messages":[]}}',
        b"\xff" + plain(own),
        plain(own) + plain(own),
        plain(own, LIMIT),
        plain(own, 40 * LIMIT),
        b"\x00",
    ]
    return random.choice(odd) if random.random() < 0.15 else plain(own, random.randrange(300))


def some_file(random: Random, mistakes: bool) -> bytes:
    lines = [some_line(random, number) for number in range(random.randrange(MANY))]
    if not mistakes:
        lines = [plain(f"id-{number}", random.randrange(300)) for number in range(len(lines))]
    ending = random.choice([b"\n", b"\r\n"])
    text = ending.join(lines) + random.choice([ending, b""])
    return random.choice([b"", b"\xef\xbb\xbf"]) + text


def read_slowly(data: bytes, skips: bool) -> tuple[list[Facts], list[Problem]]:
    """Return what a reading has to find, by looking at one line after the other."""
    good: list[Facts] = []
    mistakes: list[Problem] = []
    uses: dict[str, int] = {}
    defaults = rules(skips).defaults
    for number, raw in enumerate(io.BytesIO(data), start=1):
        found = read_line(number, raw, defaults)
        too_long = read_requests._too_long(number, LIMIT)
        if len(raw.rstrip(b"\n")) >= LIMIT:
            found = too_long
        elif isinstance(found, Request) and uses.setdefault(found.custom_id, number) != number:
            before = uses[found.custom_id]
            quoted = msgspec.json.encode(found.custom_id).decode()
            problem = f"custom_id {quoted} was used in line {before} already"
            found = Problem(line=number, problem=problem, fix="give each request an id of its own")
        elif isinstance(found, Request) and not fits_alone(size_of(found.base, found.params), LIMIT):
            found = too_long
        if isinstance(found, Request):
            good.append((found.line, found.base, found.custom_id, bytes(found.params)))
        elif found:
            mistakes.append(found)
    return good, mistakes


def read_twice(data: bytes, skips: bool) -> tuple[list[Facts], Reading]:
    """Read as `ingest` does: once more where ids are used twice."""
    repeated: frozenset[int] = frozenset()
    for _ in range(2):
        found = Reading(io.BytesIO(data), rules(skips), LIMIT, None, repeated)
        batches = list(found.requests())
        repeated = found.find_repeated()
    good = [(one.line, one.base, one.custom_id, bytes(one.params)) for batch in batches for one in batch]
    return good, found


@pytest.mark.parametrize("block", [1, 7, 400, 1 << 16])
@pytest.mark.parametrize("skips", [False, True], ids=["reject", "skip"])
@pytest.mark.parametrize("seed", range(25))
def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch, block: int, skips: bool, seed: int) -> None:
    """The same requests, complaints and counts, wherever one block ends and the next begins."""
    monkeypatch.setattr(read_requests, "BLOCK", block)
    data = some_file(Random(seed), mistakes=seed % 5 > 0)
    wanted, mistakes = read_slowly(data, skips)
    good, found = read_twice(data, skips)
    assert (found.mistakes, found.mistakes_total) == (mistakes[:MISTAKES_KEPT], len(mistakes))
    assert (found.bytes, found.lines) == (len(data), len(list(io.BytesIO(data))))
    if skips or not mistakes:
        assert good == wanted
        assert found.good == len(wanted)
    else:
        assert good == wanted[: len(good)]


@pytest.mark.parametrize("gap", [1, 10_000])
def test_an_id_that_is_used_twice_is_named_however_far_apart(gap: int) -> None:
    """Both lines are in the complaint, whatever lies between."""
    data = (
        b"\n".join([plain("twice"), *(plain(f"id-{number}") for number in range(gap)), plain("twice")])
        + b"\n"
    )
    found, _ = measure(io.BytesIO(data), rules(skips=False), 100_000, 1 << 30)
    (mistake,) = found.mistakes
    assert mistake.line == gap + 2
    assert mistake.problem == 'custom_id "twice" was used in line 1 already'


def test_what_is_kept_of_an_id_does_not_grow_with_it() -> None:
    """Eight bytes for each request, whatever its id: a file may hold millions."""
    lines = b"".join(plain(f"{number:050}", 1) + b"\n" for number in range(2000))
    found = Reading(io.BytesIO(lines), rules(skips=False), 1 << 30, None)
    assert sum(len(batch) for batch in found.requests()) == 2000
    assert found.find_repeated() == frozenset()
    assert sum(len(some) * some.itemsize for some in found.hashes) == 16_000
