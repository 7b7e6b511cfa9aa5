"""The settings in words, as the JSON Schema of their model has them."""

from dataclasses import dataclass
from typing import Any

UNITS = {"seconds": "seconds", "bytes": "bytes", "days": "days"}
KINDS = {"integer": "a number", "number": "a number", "string": "text", "boolean": "true or false"}
KINDS |= {"object": "a table", "array": "a list"}


@dataclass(frozen=True, slots=True)
class Setting:
    """One of them; *takes*: kind, unit and limits; *default* in words."""

    name: str
    takes: str
    default: str
    meaning: str


def list_settings(schema: dict[str, Any]) -> list[Setting]:
    """Return all settings of a model, in its order."""
    return [
        Setting(
            name, _spell_kind(name, field, schema), _spell_default(field), str(field.get("description", ""))
        )
        for name, field in schema["properties"].items()
    ]


def _spell_kind(name: str, field: dict[str, Any], schema: dict[str, Any]) -> str:
    kinds = [one for one in field.get("anyOf", [field]) if one.get("type") != "null"]
    named = {f"#/$defs/{one}": kind for one, kind in schema.get("$defs", {}).items()}
    told = [_spell_one(name, named.get(kind.get("$ref", ""), kind)) for kind in kinds]
    return " or ".join(dict.fromkeys(told))


def _spell_one(name: str, kind: dict[str, Any]) -> str:
    if "enum" in kind or "const" in kind:
        *others, last = [f"`{value}`" for value in kind.get("enum", [kind.get("const")])]
        return f"{', '.join(others)} or {last}" if others else last
    if kind.get("format") == "path":
        return "a path"
    unit = UNITS.get(name.rpartition("_")[2])
    told = (
        unit if unit and kind.get("type") in ("integer", "number") else KINDS.get(kind.get("type", ""), "any")
    )
    if "exclusiveMinimum" in kind:
        return f"{told}, more than {kind['exclusiveMinimum']}"
    return f"{told}, at least {kind['minimum']}" if kind.get("minimum") else told


def _spell_default(field: dict[str, Any]) -> str:
    value = field.get("default")
    if value is None or value in ({}, []):
        return "none"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return f"{value:,.10g}" if isinstance(value, float) else f"{value:,}"
    return f"`{value}`"
