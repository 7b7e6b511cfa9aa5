"""What `batchbox schema` prints holds of what a daemon really writes, by somebody else's judgement."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from batchbox.cli.init import STARTER
from batchbox.domain.job import SCHEMA
from batchbox.settings.model import Settings
from batchbox.settings.queues import QueueSettings
from batchbox_sandbox.remote import Sandbox
from tests.support.daemon import Box, request, wait_for

SHAPES = ("manifest", "settings", "receipt", "health", "answers")


def schema_of(box: Box, shape: str) -> dict[str, Any]:
    """Return what the command prints."""
    done = box.command("schema", shape)
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def complaints(schema: dict[str, Any], document: Any) -> list[str]:
    """Return what is wrong with *document*."""
    return [error.message for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]


def read(paths: Iterator[Path]) -> list[Any]:
    return [json.loads(path.read_bytes()) for path in paths]


@pytest.mark.parametrize("shape", SHAPES)
def test_each_schema_is_one(box: Box, shape: str) -> None:
    """It names its dialect, and keeps to it."""
    schema = schema_of(box, shape)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    jsonschema.Draft202012Validator.check_schema(schema)


def test_files_of_a_real_run_keep_to_their_schemas(box: Box, sandbox: Sandbox) -> None:
    """Receipts of every kind, manifests under way and done, and the health."""
    sandbox.outcome("refuse me", "errored", error_type="invalid_request_error")
    box.drop("good.jsonl", request("a"))
    box.drop("mixed.jsonl", request("a") + request("b", "refuse me"))
    box.drop("failed.jsonl", b'{"custom_id": "a", "params": {}}\n')
    with box.running():
        for stem in ("good", "mixed", "failed"):
            box.await_receipt(stem)
        wait_for(lambda: len(list((box.root / "done").glob("*/*"))) == 3, "three finished jobs")
        sandbox.order("create", "refuse", status=529, times=1000)
        box.drop("waits.jsonl", request("a"))
        under_way = wait_for(lambda: read((box.root / "work").glob("*/manifest.json")), "a job")
        (health,) = read((box.root / "state").glob("health.json"))
    receipts = read((box.root / "outbox").glob("*.receipt.json"))
    statuses = {receipt["status"] for receipt in receipts}
    assert statuses == {"succeeded", "partial", "rejected"}
    schema = schema_of(box, "receipt")
    assert [complaints(schema, receipt) for receipt in receipts] == [[], [], []]
    manifests = under_way + read((box.root / "done").glob("*/*/manifest.json"))
    schema = schema_of(box, "manifest")
    assert [complaints(schema, manifest) for manifest in manifests] == [[], [], [], []]
    schema = schema_of(box, "health")
    assert not complaints(schema, health)
    assert set(health) <= set(schema["properties"])


def test_a_schema_finds_what_is_wrong(box: Box) -> None:
    """A manifest of another number, a receipt with another status, or with a key too many."""
    schema = schema_of(box, "manifest")
    assert f"{SCHEMA} was expected" in complaints(schema, {"schema": SCHEMA + 1})
    assert "'checksum' is a required property" in complaints(schema, {})
    schema = schema_of(box, "receipt")
    assert "'ended' is not one of" in " ".join(complaints(schema, {"status": "ended"}))
    assert "'more' was unexpected" in " ".join(complaints(schema, {"more": 1}))


def test_the_schema_of_settings_knows_each_of_them(box: Box) -> None:
    """With what it means; what `init` writes is valid by it, slips and wrong values are not."""
    schema = schema_of(box, "settings")
    assert set(schema["properties"]) == set(Settings.model_fields)
    assert set(schema["$defs"]["QueueSettings"]["properties"]) == set(QueueSettings.model_fields)
    assert all(found["description"] for found in schema["properties"].values())
    lines = [line.removeprefix("# ") for line in STARTER.splitlines()[1:]]
    starter = tomllib.loads("\n".join(lines))
    assert starter["queue"]["nightly"]
    assert not complaints(schema, starter)
    wrong = {"modle": "x", "transfers": 0, "bad_lines": "maybe", "queue": {"a": {"naming": "x", "polls": 2}}}
    assert len(complaints(schema, wrong)) == 5


def test_only_what_exists_has_a_schema(box: Box) -> None:
    """Another name is told which ones there are."""
    done = box.command("schema", "outbox")
    assert done.returncode == 2
    assert all(shape in done.stderr for shape in SHAPES)
