"""Conversations as tokens: rendered by the tokenizer's own chat template, a loss taken on answers alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from finery import UsageError

Message = Mapping[str, Any]


@dataclass(frozen=True)
class Rendering:
    """A conversation as text, and which stretches of it are answers."""

    text: str
    answers: tuple[tuple[int, int], ...]
    """First and last character (exclusive) of each answer, its end-of-turn token included."""


def templated(tokenizer: Any, where: str) -> None:
    """Check that a tokenizer has a chat template. Raises UsageError."""
    if not tokenizer.chat_template:
        remedy = "take an instruct model, or put a chat_template.jinja into the model's folder"
        raise UsageError.at(where, "the model's tokenizer has no chat template", remedy)


def turn_ends(tokenizer: Any) -> set[int]:
    """The special token that an answer ends in, or nothing where the template ends it with none."""
    probe = [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]
    spellings = [spelled(tokenizer, rendering) for rendering in renderings(tokenizer, probe)]
    ids = [token for s in spellings for token, flag in zip(s.ids, s.is_answer, strict=True) if flag]
    return set(ids[-1:]) & set(tokenizer.all_special_ids)


def renderings(tokenizer: Any, messages: Sequence[Message]) -> Iterator[Rendering]:
    """A conversation as the template writes it, with its answers found by comparing renderings of growing
    prefixes.

    What the template adds when an answer follows the messages before it, is the answer. Most templates write
    a conversation the same however it goes on, and give one rendering; one that rewrites earlier turns
    (dropping their reasoning, say) gives a rendering for each stretch that stays the same, so that every
    answer is trained in the text that a model is asked with. Raises what the template raises.
    """
    text, answers = "", list[tuple[int, int]]()
    for end, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        asked = rendered(tokenizer, messages[:end], asks=True)
        whole = rendered(tokenizer, messages[: end + 1], asks=False)
        if answers and not whole.startswith(text):
            yield Rendering(text, tuple(answers))
            answers = []
        start = shared_start(asked, whole)
        text = whole
        answers.append((start, len(whole.rstrip())))
    if answers:
        yield Rendering(text, tuple(answers))


def shared_start(left: str, right: str) -> int:
    """How many characters two texts open with in common."""
    pairs = enumerate(zip(left, right, strict=False))
    return next((at for at, (a, b) in pairs if a != b), min(len(left), len(right)))


def rendered(tokenizer: Any, messages: Sequence[Message], asks: bool) -> str:
    """Messages as the template writes them, up to where an answer starts if it `asks` for one."""
    plain = [{key: value for key, value in message.items() if value is not None} for message in messages]
    if not plain:
        return ""
    text = tokenizer.apply_chat_template(plain, tokenize=False, add_generation_prompt=asks)
    return str(text)


@dataclass(frozen=True)
class Spelling:
    """A rendering in tokens."""

    ids: list[int]
    is_answer: list[bool]
    bytes: list[int]
    """Size of each token's text in UTF-8."""


def spelled(tokenizer: Any, rendering: Rendering) -> Spelling:
    """The tokens of a rendering; one that an answer shares with the text before it counts as answer.

    An answer that no special token ends (the template has none) is given the end-of-text token.
    """
    made = tokenizer(rendering.text, add_special_tokens=False, return_offsets_mapping=True)
    ids, offsets = list(made["input_ids"]), made["offset_mapping"]
    flags = [any(start < last and end > first for first, last in rendering.answers) for start, end in offsets]
    sizes = [len(rendering.text[start:end].encode()) for start, end in offsets]
    last = max((place for place, flag in enumerate(flags) if flag), default=None)
    stop = tokenizer.eos_token_id
    if last is None or stop is None or ids[last] in tokenizer.all_special_ids:
        return Spelling(ids, flags, sizes)
    # Right behind the answer: a model that writes white space first, untrained, would never come to its end.
    end = last + 1
    return Spelling([*ids[:end], stop], [*flags[:end], True], [*sizes[:end], 0])
