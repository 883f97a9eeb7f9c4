"""The options of a plugin for a reader: type, default, bounds and documentation, from its JSON Schema."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from finery.tomltext import as_toml

Schema = Mapping[str, Any]

TYPES = {
    "integer": "whole number",
    "number": "number",
    "string": "text",
    "boolean": "true or false",
    "array": "list",
    "object": "table",
}
BOUNDS = {
    "minimum": ">= {}",
    "exclusiveMinimum": "> {}",
    "maximum": "<= {}",
    "exclusiveMaximum": "< {}",
    "minItems": "at least {}",
    "maxItems": "at most {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "pattern": "like {}",
}
PLACEHOLDERS = {"integer": "1", "number": "1.0", "boolean": "true", "array": "[]", "object": "{}"}


@dataclass(frozen=True)
class Option:
    """One option, as a reader needs it."""

    name: str
    """`method.lora.rank` for one inside a table."""
    type: str
    required: bool
    default: Any
    bounds: str
    """`>= 0, <= 1`."""
    docs: str


def options(schema: Schema, definitions: Schema) -> list[Option]:
    """Every option of a plugin's schema, those inside tables behind the table that they stand in."""
    return list(below("", schema, definitions))


def below(path: str, schema: Schema, definitions: Schema) -> Iterator[Option]:
    """The options of one table."""
    required = schema.get("required", [])
    for name, part in schema.get("properties", {}).items():
        found = {**resolved(part, definitions), **part}
        docs = " ".join(found.get("description", "").split())
        kind, limits = kind_of(found, definitions), ", ".join(bounds(found))
        yield Option(f"{path}{name}", kind, name in required, found.get("default"), limits, docs)
        for inner in tables(found, definitions):
            yield from below(f"{path}{name}.", inner, definitions)


def resolved(part: Schema, definitions: Schema) -> Schema:
    """What a reference stands for; a schema without one stands for itself."""
    if "$ref" not in part:
        return part
    found: Schema = definitions[part["$ref"].removeprefix("#/$defs/")]
    return found


def tables(part: Schema, definitions: Schema) -> Iterator[Schema]:
    """The tables of known options that a value may be."""
    for choice in part.get("anyOf", [part]):
        found = resolved(choice, definitions)
        if "properties" in found:
            yield found


def kind_of(part: Schema, definitions: Schema) -> str:
    """The type of a value in words."""
    found = resolved(part, definitions)
    if "anyOf" in found:
        return " or ".join(dict.fromkeys(kind_of(choice, definitions) for choice in found["anyOf"]))
    if "const" in found:
        return as_toml(found["const"])
    if "enum" in found:
        return " or ".join(map(as_toml, found["enum"]))
    kind = TYPES.get(str(found.get("type")), "anything")
    inner = found.get("items") or found.get("additionalProperties")
    return f"{kind} of {kind_of(inner, definitions)}" if isinstance(inner, Mapping) and inner else kind


def bounds(part: Schema) -> Iterator[str]:
    """What a value must keep to."""
    for choice in (part, *part.get("anyOf", [])):
        for word, said in BOUNDS.items():
            if word in choice:
                yield said.format(choice[word])


def example(hook: str, name: str, schema: Schema, docs: str) -> str:
    """A stage, or an observer, of a pipeline file: the one in the documentation, else its options."""
    if shown := re.search(r"```toml\n(.*?)\n\s*```", docs, re.DOTALL):
        return "\n".join(line.strip() for line in shown[1].splitlines())
    if hook == "observe":
        needed = {option: placeholder(schema["properties"][option]) for option in schema.get("required", [])}
        inner = ", ".join(f"{option} = {value}" for option, value in needed.items())
        return f'[[observer]]\nuse = "{name}"' + (f"\noptions = {{ {inner} }}" if inner else "")
    return "\n".join(["[[stage]]", f'{hook} = "{name}"', *lines(schema)])


def lines(schema: Schema) -> Iterator[str]:
    """A line an option: those that must be given, then those that need not be, as comments."""
    required = schema.get("required", [])
    parts = schema.get("properties", {})
    yield from (f"{option} = {placeholder(parts[option])}" for option in required)
    for option, part in parts.items():
        if option not in required and part.get("default") is not None:
            yield f"# {option} = {as_toml(part['default'])}"


def placeholder(part: Schema) -> str:
    """A value of the right type."""
    if "enum" in part or "const" in part:
        return as_toml(part.get("const", part.get("enum", [""])[0]))
    return PLACEHOLDERS.get(str(part.get("type")), '"..."')


def prose(docs: str) -> str:
    """Documentation without its example."""
    return re.sub(r"\n*```toml\n.*?\n\s*```", "", docs, flags=re.DOTALL).strip()
