"""The score `tags`: what an instruction asks for, how much at once, and how rare that is in the data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from finery import Batch, Dataset, HubFile, Model, Needs, Stage, State, Tally, hookimpl, plugin
from finery_plugins.format.turns import bounds, contents_of, roles, turn_column, turns_of
from finery_plugins.score.intentions import intentions
from finery_plugins.text.content import contents
from finery_plugins.text.toxicity import classifier, single_choice
from finery_plugins.train.architecture import locate
from finery_plugins.train.site import demand

TAGS = pa.list_(pa.string())


@plugin(needs=Needs(extra="text"))
class Tags:
    """Add the intentions of each instruction, after InsTag (Lu et al. 2023): its complexity, and how rare they are.

    By rules in English and Chinese, tags are kinds of task (`task/summarise`, `task/code`) and constraints
    (`constraint/length`, `constraint/language`); they look at words and do not understand. `tagger` names a model of
    the user's in their place, a sequence classifier whose labels become the tags: those it holds for likelier than
    `least` where it chooses several, else the likeliest one. What is looked at is what the user asks: of `messages`
    and `conversations` all turns of the user, else `instruction` (without `input`), `prompt` or the whole text.

    - `tags`: those found, in the order of the rules or the model's labels.
    - `complexity`: how many; InsTag trains on the records with most.
    - `novelty`: the rarest tag's -ln(share of records with it); 0 for one that all have, null without tags. Records
      with high values make a sample diverse.

    The tally counts `tag` and the tag for each, and `untagged`.

    ```toml
    [[stage]]
    score = "tags"
    ```

    ```toml
    [[stage]]
    filter = "keep"
    where = "complexity >= 3 or novelty > 4"
    ```
    """

    tagger: HubFile | None = None
    """A folder or hub name of a sequence classifier with safetensors weights, used in place of the rules; needs the
    extra `train`. It reads as many tokens of an instruction as it takes."""

    least: Annotated[float, Field(gt=0, lt=1)] = 0.5
    """The probability from which a label of a tagger that chooses several is a tag."""

    novelty: bool = True
    """Whether `novelty` is added. All records are tagged once more for it."""

    column: str | None = None
    """The column to look at, all of its text; by default what the user asks."""

    @hookimpl
    def prepare(self, dataset: Dataset, stage: Stage) -> State:
        """`{"records": n, "tags": {tag: records with it}}`; empty without novelty."""
        if not self.novelty:
            return {}
        seen = [name for name in dataset.sources if stage.only is None or name in stage.only]
        records, counts = 0, Counter[str]()
        for batch in dataset.batches(only=seen) if seen else ():
            records += len(batch)
            counts.update(tag for tags in self.tags(batch) for tag in tags)
        return {"records": records, "tags": dict(sorted(counts.items()))}

    @hookimpl
    def score(self, batch: Batch, state: State, tally: Tally) -> Mapping[str, pa.Array]:
        """`tags` (`list<string>`), `complexity` (`int64`) and `novelty` (`float64`, nats)."""
        found = self.tags(batch)
        for tags in found:
            tally.update([f"tag {tag}" for tag in tags] or ["untagged"])
        columns = {"tags": pa.array(found, TAGS), "complexity": pa.array(map(len, found), pa.int64())}
        if self.novelty:
            columns["novelty"] = pa.array([rarity(tags, state) for tags in found], pa.float64())
        return columns

    def tags(self, batch: Batch) -> list[list[str]]:
        """The tags of each record."""
        texts = asked(batch, self.column)
        if self.tagger is None:
            return [intentions(text) for text in texts]
        return labelled(self.tagger, texts, self.least)


def asked(batch: Batch, column: str | None = None) -> Sequence[str]:
    """What the user asks in each record: all turns of the user, an instruction, a prompt, or the whole text."""
    turns = None if column else turn_column(batch)
    if turns:
        return spoken_by_user(turns_of(batch, turns))
    names = ("instruction", "prompt")
    found = column or next((name for name in names if name in batch.column_names), None)
    texts: list[str] = contents(batch, found).to_pylist()
    return texts


def spoken_by_user(column: pa.Array) -> list[str]:
    """All that the user says in each dialogue, a line a turn."""
    turns = column.flatten()
    speakers, said = roles(turns), contents_of(turns).to_pylist()
    spans = bounds(column)
    return ["\n".join(said[at] for at in range(*span) if speakers[at] == "user") for span in spans]


def rarity(tags: Sequence[str], state: Mapping[str, Any]) -> float | None:
    """-ln of the share of records that have the rarest of some tags, nats; None without tags."""
    shares = [state["tags"].get(tag, 1) / max(1, state["records"]) for tag in tags]
    return max(0.0, -math.log(min(shares))) if shares else None


def labelled(name: str, texts: Sequence[str], least: float) -> list[list[str]]:
    """The labels that a classifier holds for true, in its order; none of an empty text.

    One text at a time: beside others it would be padded, and its numbers would depend on them. Raises MissingExtra
    without transformers, UsageError for a folder that is no safe model.
    """
    demand("score 'tags'", "torch", "transformers")
    locate(Model(path=Path(name), name=name, fingerprint=""), "score 'tags'")
    several, order = not single_choice(name), list(classifier(name).model.config.id2label.values())
    return [chosen(classifier(name), text, order, several, least) if text.strip() else [] for text in texts]


def chosen(classify: Any, text: str, order: Sequence[str], several: bool, least: float) -> list[str]:
    """The labels of one text."""
    scores = {one["label"]: one["score"] for one in classify([text])[0]}
    if not several:
        return [max(order, key=scores.__getitem__)]
    return [label for label in order if scores[label] >= least]
