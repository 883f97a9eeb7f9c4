"""A model card as a README: YAML for the hub, then Markdown for people."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from finery.card.facts import Facts, Source, Training

KINDS = {
    "CausalLM": ("AutoModelForCausalLM", "text-generation"),
    "LMHeadModel": ("AutoModelForCausalLM", "text-generation"),
    "MaskedLM": ("AutoModelForMaskedLM", "fill-mask"),
    "SequenceClassification": ("AutoModelForSequenceClassification", "text-classification"),
    "ForPreTraining": ("AutoModelForPreTraining", None),
}
"""How to load a model, and what the hub calls what it does, by the end of its class's name."""

LANGUAGE_SHARE = 0.01
"""The least share of the records that a language must have to be named."""

OPTIONS_SHOWN = 300
"""Characters of one option's value."""


def page(told: Facts) -> str:
    """The whole card."""
    parts = [
        front(told),
        f"# {told.trainings[-1].stage}",
        opening(told),
        "## How to load it",
        loading(told),
        "## What it was trained from",
        lineage(told),
        "## Data",
        data(told),
        "## Licences",
        licences(told),
    ]
    for title, section in (("What left the data, and why", left), ("Training", training)):
        if text := section(told):
            parts += [f"## {title}", text]
    return "\n\n".join(parts) + "\n"


def front(told: Facts) -> str:
    """The YAML at the head; every value is JSON, which is YAML too."""
    plugin, kind = told.trainings[-1].plugin, kind_of(told)[1]
    fields: dict[str, Any] = {"library_name": "peft" if told.is_prefixed else "transformers"}
    if told.bases:
        fields["base_model"] = only(told.bases)
    if kind:
        fields["pipeline_tag"] = kind
    if known := list(together(source.licences for _, source in given(told))):
        fields["license"] = only(known)
    if spoken := languages([source for _, source in given(told)]):
        fields["language"] = spoken
    fields["tags"] = ["finery", plugin]
    return "\n".join(
        ["---", *(f"{name}: {json.dumps(value, ensure_ascii=False)}" for name, value in fields.items()), "---"]
    )


def only(values: Sequence[str]) -> str | list[str]:
    """The one value that there is, or all."""
    return values[0] if len(values) == 1 else list(values)


def given(told: Facts) -> list[tuple[Training, Source]]:
    """Every source of every training."""
    return [(made, source) for made in told.trainings for source in made.sources]


def kind_of(told: Facts) -> tuple[str, str | None]:
    """The class to load it with, and what the hub calls what it does."""
    return next((kind for end, kind in KINDS.items() if told.architecture.endswith(end)), ("AutoModel", None))


def together(counts: Iterable[Mapping[str, int]]) -> Mapping[str, int]:
    """Counts added up, the largest first."""
    total = sum((Counter(part) for part in counts), Counter[str]())
    return dict(sorted(total.items(), key=lambda pair: (-pair[1], pair[0])))


def languages(sources: Sequence[Source]) -> list[str]:
    """The languages of the data, as far as it says so, rare ones left out."""
    found = together(source.languages for source in sources)
    least = LANGUAGE_SHARE * sum(source.records for source in sources)
    return [name for name, count in found.items() if count >= least]


def opening(told: Facts) -> str:
    """One sentence on what it is."""
    made = told.trainings[-1]
    names = ", ".join(f"`{source.name}`" for source in made.sources) or "no data"
    kind = f", quantised by {told.quantised_by}" if told.quantised_by else ""
    return f"A `{told.architecture}`{kind}, made by `{made.plugin}` ({made.package}) on {names}."


def loading(told: Facts) -> str:
    """Python that loads it."""
    cls = kind_of(told)[0]
    lines = [f"from transformers import {cls}, AutoTokenizer", ""]
    if told.is_prefixed:
        lines.insert(0, "from peft import PeftModel")
    lines += ['folder = "path/to/this/folder"', f"model = {cls}.from_pretrained(folder)"]
    if told.is_prefixed:
        lines.append('model = PeftModel.from_pretrained(model, folder + "/prefix")')
    lines.append("tokenizer = AutoTokenizer.from_pretrained(folder)")
    needs = (
        f"\n\nIts weights are stored by {told.quantised_by}, which has to be installed." if told.quantised_by else ""
    )
    return "\n".join(["```python", *lines, "```"]) + needs


def lineage(told: Facts) -> str:
    """The trainings on the way to it, and where the first one started."""
    starts = [f"`{name}`" for name in told.bases]
    starts += [f"a model folder whose content has the digest `{digest}`" for digest in told.folders]
    rows = [[made.stage, made.plugin, made.package, f"`{made.artifact}`"] for made in told.trainings]
    steps = table(["stage", "plugin", "package", "artifact"], rows)
    start = " and ".join(starts) or "random weights"
    return f"It starts from {start}.\n\n{steps}\n\nThe model's own fingerprint is `{told.model}`."


def data(told: Facts) -> str:
    """What each source gave to each training, with its share of that training's records."""
    rows = [
        [
            made.stage,
            source.name,
            f"{source.records:,}",
            f"{source.records / max(sum(other.records for other in made.sources), 1):.1%}",
            "" if source.tokens is None else f"{source.tokens:,}",
            ", ".join(languages([source])),
        ]
        for made, source in given(told)
    ]
    text = "Records as they stood before each training, and the tokens that a loss was taken on, repeats counted."
    return f"{text}\n\n{table(['stage', 'source', 'records', 'share', 'tokens', 'languages'], rows)}"


def licences(told: Facts) -> str:
    """What the records say of their licences, and which say nothing."""
    rows = [
        [made.stage, source.name, name, f"{count:,}"]
        for made, source in given(told)
        for name, count in source.licences.items()
    ]
    silent = [(made.stage, s.name, s.records - sum(s.licences.values())) for made, s in given(told)]
    without = ", ".join(f"{count:,} of `{name}` in `{stage}`" for stage, name, count in silent if count)
    parts = [table(["stage", "source", "licence", "records"], rows)] if rows else []
    if without:
        parts.append(f"Records that say nothing of a licence, in a column `license`: {without}.")
    parts += [f"What the licence of `{name}` asks for holds as well." for name in told.bases]
    return "\n\n".join(parts) or "There are no records."


def left(told: Facts) -> str:
    """A row for each stage that a source came through, once however many trainings it was for."""
    rows = {
        (source.name, passed.mark): [
            source.name,
            passed.stage,
            passed.plugin,
            f"{passed.records_in:,}",
            f"{passed.records_out:,}",
            ", ".join(f"{reason} {count:,}" for reason, count in passed.reasons.items()),
            f"`{passed.mark}`",
        ]
        for _, source in given(told)
        for passed in source.passed
    }
    return (
        table(["source", "stage", "plugin", "in", "out", "reasons", "records are called"], rows.values())
        if rows
        else ""
    )


def training(told: Facts) -> str:
    """Losses, what was measured, and the options."""
    curves = [[name or "all", f"{first:.4f}", f"{last:.4f}"] for name, first, last in told.losses]
    numbers = [[name, source or "all", f"{value:.6g}"] for name, source, value in told.metrics]
    said = [
        [name, f"`{json.dumps(value, ensure_ascii=False)[:OPTIONS_SHOWN]}`"] for name, value in told.options.items()
    ]
    parts = []
    if curves:
        parts.append("Loss in nats a token:\n\n" + table(["source", "first", "last"], curves))
    if numbers:
        parts.append(table(["measure", "source", "value"], numbers))
    if said:
        parts.append("Options:\n\n" + table(["option", "value"], said))
    return "\n\n".join(parts)


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A Markdown table."""
    return "\n".join(drawn([head, ["---"] * len(head), *rows]))


def drawn(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The lines of a table; what would end a cell is escaped."""
    for row in rows:
        yield f"| {' | '.join(line(cell).replace('|', chr(92) + '|') for cell in row)} |"


def line(text: str) -> str:
    """Text on one line."""
    return " ".join(text.split())
