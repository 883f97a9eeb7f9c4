"""Per-item logs that other tools left, in our shape: lm-eval's samples, lighteval's details, plain JSONL."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from finery import UsageError
from finery_plugins.evaluate.items import ROWS, Occurrences, Row, item_id

SAMPLES = re.compile(r"samples_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?$")
"""The name of a file of lm-eval's samples."""
DETAILS = re.compile(r"details_(?P<task>.+?)(?:_\d{4}-\d\d-\d\dT[\d.:-]+)?$")
"""The name of a file of lighteval's details."""
RIGHT = (
    "exact_match", "acc", "correct", "em", "extractive_match", "acc_norm", "quasi_exact_match", "prefix_exact_match",
    "pass@1", "pass_at_1", "prompt_level_strict_acc", "bypass",
)  # fmt: skip
"""Measures that say of one item whether it is right, the first there counts; then the first measure there is."""
OWN = (
    "doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics", "doc_hash", "prompt_hash",
    "target_hash",
)  # fmt: skip
"""What lm-eval writes beside measures."""


def logged(places: Sequence[Path], model: str, where: str) -> Iterator[list[Row]]:
    """The rows of files, and of files below folders, some at a time. Raises UsageError where there are none."""
    files = sorted(file for place in places for file in files_of(place))
    if not files:
        raise UsageError.at(where, "finds no logs", "name .jsonl or .parquet files, or a folder that holds them")
    seen = Occurrences()
    waiting: list[Row] = []
    for file in files:
        for entry, at in entries(file):
            waiting.append(row_of(entry, file, model, seen, f"{where}: {at}"))
            if len(waiting) == ROWS:
                yield waiting
                waiting = []
    yield waiting


def files_of(place: Path) -> Iterator[Path]:
    """A file, or those of a folder that can be logs; results of whole tasks are none."""
    if place.is_file():
        yield place
        return
    for file in place.rglob("*"):
        if file.suffix in (".jsonl", ".parquet") and file.is_file():
            yield file


def entries(file: Path) -> Iterator[tuple[Mapping[str, Any], str]]:
    """The entries of a file and where they stand. Raises UsageError for a line that is no object."""
    if file.suffix == ".parquet":
        with pq.ParquetFile(file) as parquet:
            for batch in parquet.iter_batches(ROWS):
                yield from ((entry, file.name) for entry in batch.to_pylist())
        return
    with file.open(encoding="utf-8-sig") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                yield parsed(line, f"{file.name}:{number}"), f"{file.name}:{number}"


def parsed(line: str, at: str) -> Mapping[str, Any]:
    """A line as an object. Raises UsageError for what is none."""
    try:
        found = json.loads(line)
    except ValueError as error:
        raise UsageError.at(at, f"no JSON: {error}", "one object a line") from None
    if not isinstance(found, dict):
        raise UsageError.at(at, f"is a {type(found).__name__}", "one object a line")
    return found


def row_of(entry: Mapping[str, Any], file: Path, model: str, seen: Occurrences, at: str) -> Row:
    """The row of an entry, whoever wrote it."""
    if "doc_id" in entry and "arguments" in entry:
        found = SAMPLES.match(file.stem)
        return of_lm_eval(entry, found["task"] if found else file.stem, model, seen)
    if "full_prompt" in entry or ("doc" in entry and "model_response" in entry):
        found = DETAILS.match(file.stem)
        return of_lighteval(entry, found["task"] if found else file.stem, model, seen)
    return plain(entry, file.stem, model, seen, at)


def of_lm_eval(entry: Mapping[str, Any], task: str, model: str, seen: Occurrences) -> Row:
    """The row of one of lm-eval's samples; `target` is the text of the right choice where its number is given."""
    asked = arguments(entry["arguments"])
    prompt = asked[0][0] if asked and asked[0] else ""
    choices = [str(one[1]) for one in asked] if len(asked) > 1 and all(len(one) > 1 for one in asked) else []
    target = chosen(entry["target"], choices)
    told = {name: entry[name] for name in measures(entry)}
    name = seen.name(item_id({"data": task, "filter": entry.get("filter"), "prompt": prompt, "target": target}))
    correct, score = judged(told)
    answer = answered(entry, choices)
    details = {"filter": entry.get("filter"), "measures": told, "choices": choices, "doc_id": entry["doc_id"]}
    details["responses"] = entry.get("filtered_resps")
    return Row(name, model, task, task, (), prompt, answer, target, correct, score, details)


def arguments(given: Any) -> list[list[Any]]:
    """The arguments of each request, in a list: files have them in tables, lm-eval itself in tuples."""
    if isinstance(given, Mapping):
        return [list(one.values()) if isinstance(one, Mapping) else list(one) for one in given.values()]
    return [list(one) for one in given]


def chosen(target: Any, choices: Sequence[str]) -> str:
    """The right answer as text."""
    number = int(target) if isinstance(target, int) or str(target).isdecimal() else None
    if choices and number is not None and not isinstance(target, bool) and number < len(choices):
        return choices[number].strip()
    return str(target)


def answered(entry: Mapping[str, Any], choices: Sequence[str]) -> str:
    """The choice with the highest log likelihood, or what was generated."""
    told = entry.get("filtered_resps") or []
    if choices and len(told) >= len(choices):
        worth = [float(one[0] if isinstance(one, list | tuple) else one) for one in told[: len(choices)]]
        return choices[max(range(len(choices)), key=worth.__getitem__)].strip()
    first = told[0] if told else ""
    return first if isinstance(first, str) else json.dumps(first)


def measures(entry: Mapping[str, Any]) -> list[str]:
    """The names of the measures of a sample."""
    named = entry.get("metrics")
    if isinstance(named, list):
        return [name for name in named if name in entry]
    return [name for name in entry if name not in OWN]


def judged(told: Mapping[str, Any]) -> tuple[bool | None, float | None]:
    """Whether an item is right, where a measure of 0 or 1 says so, and its score."""
    numbers = {name: float(value) for name, value in told.items() if isinstance(value, int | float)}
    name = next((one for one in (*RIGHT, *numbers) if one in numbers), None)
    if name is None:
        return None, None
    value = numbers[name]
    return (value == 1.0 if value in (0.0, 1.0) else None), value


def of_lighteval(entry: Mapping[str, Any], task: str, model: str, seen: Occurrences) -> Row:
    """The row of one of lighteval's details, in the layout of either its first or its later versions."""
    doc, response = entry.get("doc") or {}, entry.get("model_response") or {}
    prompt = str(entry.get("full_prompt") or doc.get("query") or "")
    choices = [str(one) for one in entry.get("choices") or doc.get("choices") or ()]
    gold = entry.get("gold") or [choices[at] for at in numbers(entry.get("gold_index", doc.get("gold_index")), choices)]
    said = entry.get("predictions") or response.get("text") or []
    task = str(doc.get("task_name") or task)
    told: dict[str, Any] = dict(entry.get("metrics") or entry.get("metric") or {})
    target = texts(gold)
    name = seen.name(item_id({"data": task, "filter": None, "prompt": prompt, "target": target}))
    correct, score = judged(told)
    return Row(name, model, task, task, (), prompt, texts(said), target, correct, score, {"measures": told})


def numbers(given: Any, choices: Sequence[str]) -> list[int]:
    """The places of the right choices."""
    listed = given if isinstance(given, list) else [] if given is None else [given]
    return [int(one) for one in listed if int(one) < len(choices)]


def texts(given: Any) -> str:
    """The first of several texts, or the one there is."""
    first = given[0] if isinstance(given, list) and given else given
    return "" if first is None or first == [] else str(first).strip()


def plain(entry: Mapping[str, Any], data: str, model: str, seen: Occurrences, at: str) -> Row:
    """The row of a plain object: `prompt`, `answer`, any of `target, correct, score, tags, source, data, model, item`.

    Raises UsageError without a prompt or item, or with a verdict that is none.
    """
    if entry.get("prompt") is None and entry.get("item") is None:
        remedy = "plain logs have `prompt`, `answer`, and `correct` or `score`"
        raise UsageError.at(at, "has neither `prompt` nor `item`", remedy)
    correct, score = entry.get("correct"), entry.get("score")
    if correct not in (None, True, False) or not isinstance(score, int | float | None):
        raise UsageError.at(at, "`correct` is no boolean, or `score` no number", "mend the line")
    tags = entry.get("tags") or ()
    tags = (tags,) if isinstance(tags, str) else tuple(map(str, tags))
    data = str(entry.get("data") or data)
    prompt, target = str(entry.get("prompt") or ""), entry.get("target")
    target = None if target is None else str(target)
    item = str(entry.get("item") or item_id({"prompt": prompt, "target": target}))
    answer = None if entry.get("answer") is None else str(entry["answer"])
    worth = float(score) if score is not None else None if correct is None else float(correct)
    verdict = None if correct is None else bool(correct)
    whose, source = str(entry.get("model") or model), str(entry.get("source") or data)
    return Row(seen.name(item), whose, data, source, tags, prompt, answer, target, verdict, worth)
