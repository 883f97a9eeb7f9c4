"""JSON Schema (2020-12) of a whole pipeline file from the installed plugins, for editors and checkers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from finery.catalog import Entry, entries, load
from finery.config_stages import ONLY_IN
from finery.errors import FineryError
from finery.plugins import manifest
from finery.tables import ObserverTable, PlanTable, RunTable, SourceTable, StageWords
from finery.verbs import VERBS

DIALECT = "https://json-schema.org/draft/2020-12/schema"
CLASS = r"^[\w.]+:\w+$"
"""`module:Class`."""

Schema = dict[str, Any]


def pipeline_schema(known: Sequence[Entry] | None = None) -> Schema:
    """The schema of pipeline.toml with every option of every installed plugin.

    Plugins that cannot be imported, and names that two packages claim, are left out and named in `$comment`.
    """
    found = entries() if known is None else known
    definitions: Schema = {}
    notes: list[str] = []
    plugins = list(imported(found, notes))
    stages = [stage_schema(entry, cls, definitions) for entry, cls in plugins if entry.hook != "observe"]
    local = [local_stage(verb, definitions) for verb in VERBS]
    observers = [observer_schema(entry, cls, definitions) for entry, cls in plugins if entry.hook == "observe"]
    return {
        "$schema": DIALECT,
        "title": "Finery pipeline",
        **({"$comment": "; ".join(notes)} if notes else {}),
        "type": "object",
        "properties": {
            "name": {"type": "string", "description": "What reports call it; by default the file's name."},
            "seed": {"type": "integer", "default": 0, "description": "All chance follows from it."},
            "source": listed(source_schema(definitions), 1, "Where records come from."),
            "stage": listed({"oneOf": [*stages, *local]}, 1, "What is done, in order."),
            "observer": listed({"oneOf": [*observers, local_observer()]}, 0, "Who listens to the run."),
            "run": table_schema(RunTable, "run", definitions),
            "plan": table_schema(PlanTable, "plan", definitions),
        },
        "required": ["source", "stage"],
        "additionalProperties": False,
        "$defs": definitions,
    }


def imported(found: Iterable[Entry], notes: list[str]) -> Iterable[tuple[Entry, type[Any]]]:
    """Each plugin with its class; notes say which are left out and why."""
    claims = Counter((entry.hook, entry.name) for entry in found)
    for entry in found:
        what = f"{entry.hook} '{entry.name}' ({entry.label}) is left out"
        if claims[entry.hook, entry.name] > 1:
            notes.append(f"{what}: two packages claim the name")
            continue
        try:
            cls = load(entry)
            manifest(cls)
        except FineryError as error:
            notes.append(f"{what}: {error.faults[0].fault}")
            continue
        yield entry, cls


def options_schema(cls: type[Any], prefix: str, definitions: Schema) -> Schema:
    """The options of a plugin class; what they refer to goes into `definitions`, its names begun with `prefix`."""
    from pydantic import TypeAdapter

    return settled(TypeAdapter(cls).json_schema(), prefix, definitions)


def table_schema(model: Any, prefix: str, definitions: Schema) -> Schema:
    """A table of the pipeline file."""
    return settled(model.model_json_schema(), prefix, definitions)


def settled(schema: Schema, prefix: str, definitions: Schema) -> Schema:
    """A schema as TOML needs it: definitions moved to the root, no null, no titles made up from names."""
    own = schema.pop("$defs", {})
    for name, part in own.items():
        definitions[f"{prefix}.{name}"] = cleaned(part, prefix)
    found: Schema = cleaned(schema, prefix)
    return found


def cleaned(part: Any, prefix: str) -> Any:
    """One part of a schema: references moved, null taken out, titles dropped."""
    if isinstance(part, list):
        return [cleaned(inner, prefix) for inner in part]
    if not isinstance(part, Mapping):
        return part
    if "$ref" in part:
        part = {**part, "$ref": part["$ref"].replace("#/$defs/", f"#/$defs/{prefix}.")}
    kept = {k: v for k, v in part.items() if not (k == "title" and isinstance(v, str)) and (k, v) != ("default", None)}
    return without_null({name: verbatim(name, inner, prefix) for name, inner in kept.items()})


def verbatim(name: str, inner: Any, prefix: str) -> Any:
    """What stands under a word: names of properties are no words of the schema, defaults and choices are data."""
    if name == "properties":
        return {option: cleaned(schema, prefix) for option, schema in inner.items()}
    return inner if name in ("default", "const", "enum", "required") else cleaned(inner, prefix)


def without_null(part: Schema) -> Schema:
    """A choice without null, which TOML does not have; a choice of one is no choice."""
    choices = [choice for choice in part.get("anyOf", []) if choice != {"type": "null"}]
    if not choices or len(choices) == len(part["anyOf"]):
        return part
    rest = {name: value for name, value in part.items() if name != "anyOf"}
    return {**choices[0], **rest} if len(choices) == 1 else {"anyOf": choices, **rest}


def listed(items: Schema, least: int, description: str) -> Schema:
    """A list of tables."""
    return {"type": "array", "minItems": least, "items": items, "description": description}


def source_schema(definitions: Schema) -> Schema:
    """A `[[source]]`: exactly one of the ways to say where records lie."""
    ways = [{"required": [way]} for way in ("path", "dataset", "query")]
    return {**table_schema(SourceTable, "source", definitions), "oneOf": ways}


def words_schema(verb: str, definitions: Schema) -> Schema:
    """The kernel's words in a stage of that verb."""
    words: Schema = table_schema(StageWords, "stage", definitions)["properties"]
    own = {word: schema for word, schema in words.items() if verb in ONLY_IN.get(word, VERBS)}
    definitions.update({f"stage.{word}": schema for word, schema in own.items()})
    return {word: {"$ref": f"#/$defs/stage.{word}"} for word in own}


def stage_schema(entry: Entry, cls: type[Any], definitions: Schema) -> Schema:
    """A stage that a plugin serves: its verb, its options, the kernel's words."""
    options = options_schema(cls, f"{entry.hook}.{entry.name}", definitions)
    named = {"const": entry.name, "description": summary(cls)}
    # A word of the kernel never reaches a plugin, so an option of that name does not count.
    return {
        "type": "object",
        "title": f'{entry.hook} = "{entry.name}"',
        "description": options.get("description", ""),
        "properties": {entry.hook: named, **options.get("properties", {}), **words_schema(entry.hook, definitions)},
        "required": [entry.hook, *options.get("required", [])],
        "additionalProperties": False,
    }


def local_stage(verb: str, definitions: Schema) -> Schema:
    """A stage that a class of the reader's own serves: its options are not known."""
    others = {other: False for other in VERBS if other != verb}
    foreign = {word: False for word, verbs in ONLY_IN.items() if verb not in verbs}
    named = {"type": "string", "pattern": CLASS, "description": "A class, as module:Class."}
    return {
        "type": "object",
        "title": f'{verb} = "module:Class"',
        "properties": {verb: named, **words_schema(verb, definitions), **others, **foreign},
        "required": [verb],
    }


def observer_schema(entry: Entry, cls: type[Any], definitions: Schema) -> Schema:
    """An `[[observer]]` with the options of its plugin."""
    options = options_schema(cls, f"observe.{entry.name}", definitions)
    named = {"const": entry.name, "description": summary(cls)}
    needed = ["options"] if options.get("required") else []
    return observing({"use": named, "options": options}, needed)


def local_observer() -> Schema:
    """An `[[observer]]` of the reader's own."""
    known = table_schema(ObserverTable, "observer", {})["properties"]
    return observing({"use": {**known["use"], "pattern": CLASS}, "options": known["options"]}, [])


def observing(properties: Schema, required: Sequence[str]) -> Schema:
    """The table of an observer."""
    return {
        "type": "object",
        "properties": properties,
        "required": ["use", *required],
        "additionalProperties": False,
    }


def summary(cls: type[Any]) -> str:
    """The first line of a class's documentation."""
    lines = (cls.__doc__ or "").strip().splitlines()
    return lines[0].strip() if lines else ""
