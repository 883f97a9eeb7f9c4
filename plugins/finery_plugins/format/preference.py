"""The format `preference`: a prompt with a chosen and a rejected answer, as texts, messages or single verdicts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeAlias

import pyarrow as pa
from pydantic import Field, field_validator

from finery import Batch, PipelineError, hookimpl, plugin
from finery_plugins.format.chat import MESSAGES, known_role
from finery_plugins.format.ranked import asked, put
from finery_plugins.text.content import is_list, listed, one_chunk, place

Said: TypeAlias = "str | list[dict[str, str]] | None"
"""A text, or messages."""

SIDES = ("chosen", "rejected")


@plugin
class Preference:
    """Make `prompt`, `chosen` and `rejected` of preferences in other shapes, as texts or as messages.

    It takes answers beside a prompt (a text or messages), answers that repeat the dialogue before them (what both
    share becomes the prompt), texts with `Human:` and `Assistant:` at the start of turns, and ranked answers (`output`
    is a list), of which the first is chosen and the last rejected; the format `ranked` makes more pairs.
    With `unpair`, every preference becomes two records with `prompt`, `completion` and a `label`.

    ```toml
    [[stage]]
    format = "preference"
    to = "messages"
    ```
    """

    to: Literal["text", "messages"] = "messages"
    """What prompt and answers become: lists of `role` and `content`, or texts. A dialogue as text has each turn
    behind its speaker's name; one turn is what was said alone."""

    unpair: bool = False
    """Make `prompt`, `completion` and `label` (true for the chosen) of each pair, as KTO takes them (Ethayarajh et
    al. 2024)."""

    speakers: dict[str, str] = Field(default_factory=lambda: {"Human": "user", "Assistant": "assistant"})
    """Names at the start of turns in texts, and their roles; the default is that of Bai et al. 2022."""

    @field_validator("speakers")
    @classmethod
    def roles_are_known(cls, speakers: dict[str, str]) -> dict[str, str]:
        """Raise ValueError for a role that no template knows."""
        return {name: known_role(role) for name, role in speakers.items()}

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records, or two of each with their `parent`. Raises PipelineError for other shapes."""
        triples = [self.shaped(*triple) for triple in read(batch)]
        gone = [name for name in ("instruction", "input", "output") if name in batch.column_names]
        batch = batch.drop_columns(gone)
        if self.unpair:
            return self.unpaired(batch, triples)
        for number, name in enumerate(("prompt", *SIDES)):
            batch = put(batch, name, self.column([triple[number] for triple in triples]))
        return batch

    def unpaired(self, batch: Batch, triples: Sequence[tuple[Said, ...]]) -> Batch:
        """Two records of each pair: the chosen answer, then the rejected one."""
        rows = pa.array([row for row in range(len(batch)) for _ in SIDES], pa.int64())
        gone = [name for name in ("prompt", *SIDES) if name in batch.column_names]
        born = batch.take(rows).drop_columns(gone)
        born = born.rename_columns([{"id": "parent"}.get(name, name) for name in born.column_names])
        born = put(born, "prompt", self.column([triple[0] for triple in triples for _ in SIDES]))
        born = put(born, "completion", self.column([said for triple in triples for said in triple[1:]]))
        return put(born, "label", pa.array([True, False] * len(triples), pa.bool_()))

    def column(self, values: Sequence[Said]) -> pa.Array:
        """Texts or messages as a column."""
        return pa.array(values, MESSAGES if self.to == "messages" else pa.large_string())

    def shaped(self, prompt: Said, chosen: Said, rejected: Said) -> tuple[Said, Said, Said]:
        """A preference as texts or as messages, what both answers open with moved to the prompt."""
        sides = [self.turns(said, "assistant") for said in (chosen, rejected)]
        before = self.turns(prompt, "user")
        if all(len(side) > 1 for side in sides):
            shared = common(*sides)
            opening, sides = sides[0][:shared], [side[shared:] for side in sides]
            before = opening if opening[: len(before)] == before else before + opening
        elif not before and isinstance(chosen, str) and isinstance(rejected, str):
            cut = shared_text(chosen, rejected)
            before, sides = self.turns(chosen[:cut], "user"), [[answer(chosen[cut:])], [answer(rejected[cut:])]]
        made = [before, *sides]
        return tuple(made if self.to == "messages" else map(self.text, made))  # type: ignore[return-value]

    def turns(self, said: Said, role: str) -> list[dict[str, str]]:
        """Messages; a text is one of them, or several where it names its speakers."""
        if not isinstance(said, str):
            return [{"role": known_role(turn["role"]), "content": turn["content"] or ""} for turn in said or ()]
        names = "|".join(map(re.escape, self.speakers))
        pieces = re.split(rf"(?:\A|\n\n)[ \t]*({names}):[ \t]?", said) if names else [said]
        if len(pieces) < 3 or pieces[0].strip():
            return [{"role": role, "content": said}] if said else []
        spoken = zip(pieces[1::2], pieces[2::2], strict=True)
        found = [{"role": self.speakers[name], "content": text.strip()} for name, text in spoken]
        return found[:-1] if found[-1]["role"] == "assistant" and not found[-1]["content"] else found

    def text(self, turns: Sequence[Mapping[str, str]]) -> str:
        """Turns as a text."""
        if len(turns) == 1:
            return turns[0]["content"]
        names = {role: name for name, role in self.speakers.items()}
        return "\n\n".join(f"{names.get(turn['role'], turn['role'])}: {turn['content']}" for turn in turns)


def answer(text: str) -> dict[str, str]:
    """A message of the assistant."""
    return {"role": "assistant", "content": text}


def common(left: Sequence[Any], right: Sequence[Any]) -> int:
    """How many turns two dialogues open with in common; the last turn of each stays an answer."""
    shortest = min(len(left), len(right)) - 1
    return next((at for at in range(shortest) if left[at] != right[at]), shortest)


def shared_text(left: str, right: str) -> int:
    """Where two texts part, a space before that place counted to what follows, as TRL's `extract_prompt` does."""
    shortest = min(len(left), len(right))
    cut = next((at for at in range(shortest) if left[at] != right[at]), shortest)
    return cut - 1 if cut and cut < shortest and left[cut - 1] == " " else cut


def read(batch: Batch) -> list[tuple[Said, Said, Said]]:
    """The prompt, the chosen and the rejected answer of each record. Raises PipelineError for other shapes."""
    kinds = {field.name: field.type for field in batch.schema}
    if set(SIDES) <= kinds.keys():
        nothing = [None] * len(batch)
        prompts = one_chunk(batch.column("prompt")).to_pylist() if "prompt" in kinds else nothing
        answers = [list(map(as_turns, one_chunk(batch.column(name)).to_pylist())) for name in SIDES]
        return list(zip(map(as_turns, prompts), *answers, strict=True))
    if "instruction" in kinds and is_list(kinds.get("output", pa.null())):
        ranks = [[said for said in row or () if said] for row in one_chunk(batch.column("output")).to_pylist()]
        best, worst = [row[0] if row else None for row in ranks], [row[-1] if len(row) > 1 else None for row in ranks]
        return list(zip(asked(batch), best, worst, strict=True))
    fault = f"'preference' finds no pairs in {listed(batch.column_names)}"
    remedy = "it takes chosen and rejected with or without a prompt, or instruction with an output that is a list"
    raise PipelineError.at(place(batch), fault, remedy)


def as_turns(value: Any) -> Said:
    """A text, or messages with the usual keys; one message is a list of one."""
    if value is None or isinstance(value, str):
        return value
    turns = [value] if isinstance(value, dict) else value
    return [
        {"role": turn.get("role") or turn.get("from") or "", "content": turn.get("content") or turn.get("value") or ""}
        for turn in turns
    ]
