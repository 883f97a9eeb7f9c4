"""The stages of a pipeline file: verb, kernel words, options, and whether what they name exists."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from finery.config import Place, Reader, StageConfig
from finery.earlier import placed
from finery.errors import PluginError, did_you_mean
from finery.kernel import bind
from finery.modeloptions import BASE, named
from finery.plugins import hooks
from finery.settings import stage_ids
from finery.tables import StageWords
from finery.verbs import VERBS

WORDS = tuple(StageWords.model_fields)
ONLY_IN = {"prefer": ("dedupe",), "earlier": ("dedupe",), "keep_index": ("dedupe",), "model": ("train", "evaluate")}


def read_stages(reader: Reader, sources: Sequence[str]) -> list[StageConfig]:
    """All stages that have no fault; the faults are noted."""
    tables = reader.listed("stage")
    ids = stage_ids(tables)
    for name, count in Counter(ids).items():
        if count > 1:
            second = [number for number, known in enumerate(ids) if known == name][1]
            reader.fault(("stage", second, "id"), f"stage id '{name}' stands twice", "give one another id")
    if not tables and not reader.faults:
        reader.fault((), "there is no stage", 'add [[stage]] with a verb, such as filter = "length"')
    made = [read_stage(reader, number, values, ids) for number, values in enumerate(tables)]
    stages = [stage for stage in made if stage is not None]
    for stage in stages:
        check_names(reader, stage, sources, stages, ids)
    return stages


def read_stage(reader: Reader, number: int, values: Any, ids: Sequence[str]) -> StageConfig | None:
    """One stage, or None with its faults noted."""
    place: Place = ("stage", number)
    verb = verb_of(reader, values, place)
    if verb is None:
        return None
    entry = reader.entry(verb, values[verb], (*place, verb))
    what = f"{verb} '{values[verb]}'"
    words = reader.table(StageWords, {k: v for k, v in values.items() if k in WORDS}, place, what)
    options = {k: v for k, v in values.items() if k not in WORDS and k != verb}
    plugin = entry and reader.plugin(entry, options, place, what)
    if plugin is None or entry is None or words is None or not bound(reader, plugin, verb, place):
        return None
    words = placed(words, reader.file.resolve().parent)
    line = reader.lines.get(place)
    where = f"{reader.file.name}:{line}" if line else reader.file.name
    return StageConfig(ids[number], verb, entry, plugin, options, words, where)


def verb_of(reader: Reader, values: Any, place: Place) -> str | None:
    """The one verb of a stage."""
    found = [word for word in VERBS if word in values] if isinstance(values, Mapping) else []
    if len(found) == 1:
        return found[0]
    first = next(iter(values), "") if isinstance(values, Mapping) else ""
    hint = did_you_mean(str(first), VERBS) if not found else ""
    fault = f"'{first}' is no verb{hint}" if not found else f"has two verbs: {', '.join(found)}"
    reader.fault((*place, first), f"stage {int(place[1]) + 1}: {fault}", f"open with one of {', '.join(VERBS)}")
    return None


def bound(reader: Reader, plugin: Any, verb: str, place: Place) -> bool:
    """Whether the plugin implements the verb as specified."""
    try:
        bind(plugin, verb)
    except PluginError as error:
        reader.fault(place, f"{error.faults[0].place}: {error.faults[0].fault}", error.faults[0].remedy)
        return False
    return True


def check_names(
    reader: Reader,
    stage: StageConfig,
    sources: Sequence[str],
    stages: Sequence[StageConfig],
    ids: Sequence[str],
) -> None:
    """Note names of sources, models and words that lead nowhere."""
    place: Place = ("stage", ids.index(stage.id))
    for source in stage.words.only or ():
        if source not in sources:
            hint = did_you_mean(source, sources)
            reader.fault((*place, "only"), f"unknown source '{source}'{hint}", f"sources are {', '.join(sources)}")
    for word, verbs in ONLY_IN.items():
        if getattr(stage.words, word) is not None and stage.hook not in verbs:
            reader.fault(
                (*place, word),
                f"'{word}' has no meaning in a {stage.hook} stage",
                f"it is for {', '.join(verbs)}",
            )
    if stage.words.needs.workers is not None and stage.hook != "train":
        fault = f"'workers' has no meaning in a {stage.hook} stage"
        reader.fault((*place, "needs"), fault, "it is for train; `[run] workers` is for all others")
    indexed = stage.words.keep_index or stage.words.earlier
    if indexed and stage.hook == "dedupe" and "prepare" in hooks(type(stage.plugin)):
        fault = f"dedupe '{stage.entry.name}' finds its keys by looking at all records, so it can keep no index"
        reader.fault((*place, "earlier" if stage.words.earlier else "keep_index"), fault, "dedupe both in one pipeline")
    if stage.words.model:
        check_model(reader, stage.words.model, stages[: stages.index(stage)], (*place, "model"))
    for option, model in named(stage.plugin):
        if model != BASE:
            check_model(reader, model, stages[: stages.index(stage)], (*place, option))


def check_model(reader: Reader, model: str, earlier: Sequence[StageConfig], place: Place) -> None:
    """Note a model that is no earlier train stage, no folder, and that is written almost like such a stage."""
    trained = [stage.id for stage in earlier if stage.hook == "train"]
    if model in trained or (reader.file.parent / model).exists() or Path(model).is_absolute():
        return
    if hint := did_you_mean(model, trained):
        reader.fault(place, f"unknown model '{model}'{hint}", f"trained before are {', '.join(trained)}")
