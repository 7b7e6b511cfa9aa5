"""`schema`: the shapes of the files that people and programs write and read, as JSON Schema."""

import json
from enum import StrEnum
from typing import Annotated, Any

import msgspec
import typer
from pydantic.json_schema import GenerateJsonSchema

from batchbox.domain.job import SCHEMA, Manifest
from batchbox.formats.answer_text import Answer
from batchbox.reports.health import Health
from batchbox.reports.receipt_model import HeldNotice, Receipt
from batchbox.settings.model import Settings
from batchbox.storage.local.manifest_files import CHECKSUM


class Shape(StrEnum):
    """What has a schema."""

    MANIFEST = "manifest"
    SETTINGS = "settings"
    RECEIPT = "receipt"
    HELD = "held"
    HEALTH = "health"
    ANSWERS = "answers"


def schema(
    shape: Annotated[Shape, typer.Argument(help="Of what.", show_default=False)],
) -> None:
    """Print the JSON Schema of a kind of file."""
    typer.echo(json.dumps(describe(shape), indent=2))


def describe(shape: Shape) -> dict[str, Any]:
    """Return the JSON Schema (2020-12) of *shape*."""
    match shape:
        case Shape.SETTINGS:
            found = Settings.model_json_schema()
        case Shape.RECEIPT:
            found = Receipt.model_json_schema()
        case Shape.HELD:
            found = HeldNotice.model_json_schema()
        case Shape.HEALTH:
            found = Health.model_json_schema()
        case Shape.MANIFEST:
            found = _describe_manifest()
        case Shape.ANSWERS:
            found = msgspec.json.schema(Answer)
    return {"$schema": GenerateJsonSchema.schema_dialect} | found


def _describe_manifest() -> dict[str, Any]:
    found = Manifest.model_json_schema(mode="serialization")
    found["properties"]["schema"] = {"const": SCHEMA, "type": "integer"}
    found["properties"][CHECKSUM] = {
        "description": "SHA-256 of all else, as JSON with sorted keys and without spaces",
        "type": "string",
    }
    found["required"].append(CHECKSUM)
    return found
