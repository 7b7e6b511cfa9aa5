"""What one would write without batchbox, after the SDK's own examples. Nothing is slowed down on purpose.

Run as `python -m tests.bench.cookbook submit URL REQUESTS` or `... results URL REQUESTS BATCH OUT`; prints
its cost. A batch of one request goes first, so that everything is imported and built once.
"""

import hashlib
import json
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import anthropic
from anthropic.types.messages import MessageBatchIndividualResponse

from tests.bench.data import read_ids
from tests.bench.region import region

WARM = "warm"  # a batch of one request, whose row the sink has


def submit(client: anthropic.Anthropic, path: Path) -> str:
    """Check the file for double ids, take its digest, and send it as one batch."""
    requests: list[Any] = []
    ids: set[str] = set()
    digest = hashlib.sha256()
    with path.open("rb") as file:
        for line in file:
            digest.update(line)
            request = json.loads(line)
            if request["custom_id"] in ids:
                raise ValueError(f"{request['custom_id']} is there twice")
            ids.add(request["custom_id"])
            requests.append(request)
    client.messages.batches.create(requests=requests)
    return digest.hexdigest()


def fetch(client: anthropic.Anthropic, ids: list[str], batch: str, out: Path) -> Counter[str]:
    """Write the answers in the order of *ids*; return how they ended and what they used."""
    answers: dict[str, MessageBatchIndividualResponse] = {}
    tally: Counter[str] = Counter()
    for entry in client.messages.batches.results(batch):
        answers[entry.custom_id] = entry
        tally[entry.result.type] += 1
        if entry.result.type == "succeeded":
            tally["input_tokens"] += entry.result.message.usage.input_tokens
            tally["output_tokens"] += entry.result.message.usage.output_tokens
    with out.open("w", encoding="utf-8") as file:
        for custom_id in ids:
            file.write(answers[custom_id].model_dump_json() + "\n")
    return tally


def main(what: str, url: str, path: Path, *more: str) -> None:
    """Do it once with one request, then as a whole."""
    client = anthropic.Anthropic(api_key="bench", base_url=url)
    if what == "submit":
        submit(client, path.with_name(f"{WARM}.jsonl"))
        with region():
            submit(client, path)
        return
    batch, out = more
    ids = [custom_id.decode() for custom_id in read_ids(path)]
    fetch(client, ids[:1], WARM, Path(out))
    with region():
        fetch(client, ids, batch, Path(out))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]), *sys.argv[4:])
