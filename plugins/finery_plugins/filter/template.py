"""The filter `template`: dialogues that a chat template would break, or that teach nothing once rendered."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
from pydantic import Field, model_validator

from finery import Batch, HubFile, Reasons, UsageError, hookimpl, missing_extra, plugin, said_by
from finery_plugins.filter.rules import Rule, most, reasons
from finery_plugins.format.chat import READERS, SHAPES, Turn, shape_of
from finery_plugins.train.conversation import renderings, spelled, templated, turn_ends

Count = Annotated[int, Field(ge=1)]
PLACE = "filter 'template'"

KNOWN = ("system", "user", "assistant", "tool")

CONTROL = re.compile(
    r"<\|(?:im_start|im_end|im_sep|endoftext|eot_id|eom_id|start_header_id|end_header_id|begin_of_text|end_of_text"
    r"|system|user|assistant|end|endofprompt|pad)\|>"
    r"|\[/?INST\]|<</?SYS>>|\A\s*<s>|</s>\s*\Z|<(?:start|end)_of_turn>|<｜[^｜>]{1,40}｜>"
)
"""Marks of turns in the templates of ChatML, Llama 2 and 3, Phi, Gemma and DeepSeek."""

LAST = ["no-messages", "unknown-role", "roles-out-of-order", "empty-turn", "no-answer", "unanswered", "control-token"]


@dataclass(frozen=True)
class Rendered:
    """What a tokenizer's template makes of a dialogue."""

    tokens: int = 0
    """Of the longest rendering; a template that rewrites earlier turns gives several."""
    learnt: int = 0
    """Tokens that a loss is taken on, within the length allowed."""
    ends: bool = True
    """Whether every answer ends in the template's end-of-turn token."""
    refused: bool = False


@plugin
class Template:
    """Drop dialogues that a chat template would break, or in which there is nothing to learn.

    Without a tokenizer the structure is checked: roles are known and in order (perhaps system, then user and assistant
    in turn, tools behind the assistant), no turn is empty, one is an answer, the last one is, and no text holds marks
    of turns. With one, the dialogue is rendered by the tokenizer's own template: it may not refuse, an answer must keep
    a trained token within `max_tokens`, and each must end in an end-of-turn token. It takes what `chat` takes.

    ```toml
    [[stage]]
    filter = "template"
    tokenizer = "Qwen/Qwen3-0.6B"
    max_tokens = 4096
    ```
    """

    tokenizer: HubFile | None = None
    """The folder or hub name of a tokenizer with a chat template; by default the structure alone is checked."""

    max_tokens: Count | None = None
    """Most tokens of a rendered dialogue."""

    max_characters: Count | None = None
    """Most characters of what is said, all turns together."""

    max_turns: Count | None = None
    """Most messages."""

    unanswered: bool = False
    """Let dialogues pass that end with the user or a tool."""

    greetings: bool = False
    """Let dialogues pass in which the assistant speaks first. Some templates (Mistral's, Gemma's) refuse them."""

    control_tokens: bool = False
    """Let texts pass that hold marks of turns, such as `<|im_end|>`."""

    @model_validator(mode="after")
    def tokens_have_a_tokenizer(self) -> Template:
        """Raise ValueError where tokens are to be counted without a tokenizer."""
        if self.max_tokens is not None and self.tokenizer is None:
            raise ValueError('max_tokens needs tokenizer = "NAME"')
        return self

    @hookimpl
    def filter(self, batch: Batch) -> Reasons:
        """The first rule broken: those of structure, of length, of rendering. Raises PipelineError for other shapes."""
        dialogues = read(batch)
        lengths = np.array([sum(len(said) for _, said in turns) for turns in dialogues], np.float64)
        turns = np.array([len(turns) for turns in dialogues], np.float64)
        found = [self.broken(dialogue) for dialogue in dialogues]
        rules = [Rule(code, np.array([code in codes for codes in found], bool)) for code in LAST]
        rules += most("many-turns", turns, self.max_turns)
        rules += most("many-characters", lengths, self.max_characters)
        if self.tokenizer is not None:
            rules += self.rendered(self.tokenizer, dialogues, found)
        return reasons(rules, len(batch))

    def broken(self, turns: Sequence[Turn]) -> set[str]:
        """The rules of structure that a dialogue breaks."""
        roles = [role for role, _ in turns]
        answers = "assistant" in roles
        faults = {
            "no-messages": not turns,
            "unknown-role": not set(roles) <= set(KNOWN),
            "roles-out-of-order": not in_order(roles, self.greetings),
            "empty-turn": any(not said.strip() for _, said in turns),
            "no-answer": bool(turns) and not answers,
            "unanswered": answers and roles[-1] != "assistant" and not self.unanswered,
            "control-token": not self.control_tokens and any(CONTROL.search(said) for _, said in turns),
        }
        return {code for code, fails in faults.items() if fails}

    def rendered(self, name: str, dialogues: Sequence[Sequence[Turn]], found: Sequence[set[str]]) -> list[Rule]:
        """The rules of rendering; a dialogue without known roles or answers is not rendered."""
        spared = {"no-messages", "unknown-role", "no-answer"}
        renders = [bool(codes & spared) for codes in found]
        made = [
            Rendered(learnt=1) if skip else rendered(loaded(name), turns, self.max_tokens)
            for turns, skip in zip(dialogues, renders, strict=True)
        ]
        tokens = np.array([one.tokens for one in made], np.float64)
        return [
            Rule("template-refuses", np.array([one.refused for one in made], bool)),
            *most("many-tokens", tokens, self.max_tokens),
            Rule("no-trained-token", np.array([not one.learnt and not one.refused for one in made], bool)),
            Rule("no-end-of-turn", np.array([not one.ends for one in made], bool)),
        ]


def read(batch: Batch) -> list[list[Turn]]:
    """The turns of each record; a role that is not known is empty. Raises PipelineError for a shape without turns."""
    shape = shape_of(batch)
    names = [name for name in SHAPES[shape] if name in batch.column_names]
    return [turns(shape, row) for row in batch.select(names).to_pylist()]


def turns(shape: str, row: Mapping[str, Any]) -> list[Turn]:
    """The turns of one record."""
    try:
        return list(READERS[shape](row))
    except ValueError:  # a role that stands for none
        return [("", "?")]


def in_order(roles: Sequence[str], greetings: bool) -> bool:
    """Whether system stands first alone, then user and assistant take turns, and tools follow the assistant."""
    before = "start"
    follows = {
        "start": {"system", "user", *(["assistant"] if greetings else [])},
        "system": {"user", *(["assistant"] if greetings else [])},
        "user": {"assistant"},
        "assistant": {"user", "tool"},
        "tool": {"tool", "assistant"},
    }
    for role in roles:
        if role not in follows.get(before, ()):
            return False
        before = role
    return True


def rendered(tokenizer: Any, turns: Sequence[Turn], limit: int | None) -> Rendered:
    """A dialogue as the tokenizer's template has it."""
    from jinja2 import TemplateError

    messages = [{"role": role, "content": said} for role, said in turns]
    try:
        made = [spelled(tokenizer, text) for text in renderings(tokenizer, messages)]
    except (TemplateError, KeyError, TypeError, ValueError):
        return Rendered(refused=True)
    stops = ends_of(tokenizer)
    learnt = sum(sum(one.is_answer[1:limit]) for one in made)
    ended = [one.ids[at] in stops for one in made for at in last_of_answers(one.is_answer)]
    return Rendered(max((len(one.ids) for one in made), default=0), learnt, bool(ended) and all(ended))


def last_of_answers(flags: Sequence[bool]) -> list[int]:
    """Where each answer ends; the end-of-text token that training puts behind the last one counts to it."""
    following = [*flags[1:], False]
    ends = [at for at, (here, then) in enumerate(zip(flags, following, strict=True)) if here and not then]
    if len(ends) > 1 and not flags[ends[-1] - 1]:
        del ends[-2]
    return ends


@functools.cache
def loaded(name: str) -> Any:
    """A tokenizer with a chat template. Raises MissingExtra without transformers, UsageError where there is none."""
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise missing_extra(PLACE, "transformers", "train") from None
    try:
        found = AutoTokenizer.from_pretrained(name, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot load the tokenizer '{name}': {said_by(error, 160)}"
        raise UsageError.at(PLACE, fault, "give a folder with a tokenizer.json, or a name on the hub") from error
    templated(found, PLACE)
    return found


@functools.lru_cache(maxsize=8)
def ends_of(tokenizer: Any) -> frozenset[int]:
    """The tokens that may end an answer: the one the template ends it with, else the end-of-text token."""
    found = turn_ends(tokenizer)
    return frozenset(found or {tokenizer.eos_token_id})
