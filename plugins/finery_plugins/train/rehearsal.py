"""A few records rehearsed: whether they are what a model will be asked with, teach it to stop, and fit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from finery import chance
from finery_plugins.filter.template import last_of_answers
from finery_plugins.train.conversation import Message, rendered, shared_start, turn_ends
from finery_plugins.train.conversations import UNUSABLE_SHARE
from finery_plugins.train.findings import Finding
from finery_plugins.train.preferences import Read, Said, turns
from finery_plugins.train.records import Encode, Records, drawn

SAMPLE = 256
"""Records rehearsed, drawn by chance: what is wrong with more than one in a hundred shows in them."""

UNCUT = 1 << 40
"""A context that nothing is too long for."""


class Exchange(NamedTuple):
    """What a model is asked with, and what it was trained on: the same and an answer behind it."""

    asked: str
    whole: str
    says: bool
    """Whether there is text in the answer."""


Exchanges = Callable[[pa.Table], Iterator[tuple[int, Exchange]]]
"""Records to exchanges: for each, the row of its record in the batch. It leaves out what the template refuses."""


@dataclass(frozen=True)
class Script:
    """What is rehearsed."""

    records: Records
    columns: Sequence[str]
    encode: Encode
    """Records to signed tokens, uncut."""
    tokenizer: Any
    fits: int
    """Tokens that a sequence may have."""
    exchanges: Exchanges | None = None
    """None where nothing is said in a chat template."""
    stops: frozenset[int] = frozenset()
    """What generation will stop at; empty where it does not matter."""
    skip: int = 0
    """Numbers before a sequence's tokens."""


@dataclass
class Heard:
    """Counts of a rehearsal, by what and source, and the first record of each kind of trouble."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    first: dict[tuple[str, str], str] = field(default_factory=dict)

    def note(self, what: str, source: str, count: int = 1, record: Any = None, how: str = "") -> None:
        """Count something."""
        self.counts[what, source] += count
        if count and record is not None:
            said = f"record {record.as_py()} of source '{source}'"
            self.first.setdefault((what, source), f"{said}{f' {how}' if how else ''}")

    def share(self, what: str, of: str, source: str) -> float:
        """The share of a count in another; 0 where there is nothing to count."""
        return self.counts[what, source] / max(self.counts[of, source], 1)


def rehearsed(script: Script) -> Iterator[Finding]:
    """Everything that a rehearsal finds, by source."""
    heard = Heard()
    for batch in few(script.records, script.columns):
        source = str(batch["source"][0])
        heard.note("records", source, len(batch))
        hear_exchanges(script, batch, source, heard)
        hear_tokens(script, batch, source, heard)
    for source in script.records.sources:
        yield Finding("rehearsed_records", heard.counts["records", source], source)
        if heard.counts["exchanges", source]:
            yield from renderings_alike(heard, source)
        if script.stops:
            yield endings(script, heard, source)
        yield from lengths(heard, source)


def few(records: Records, columns: Sequence[str], count: int = SAMPLE) -> Iterator[pa.Table]:
    """Batches of the `count` records of least chance of each source."""
    chances: dict[str, list[np.ndarray]] = {}
    for batch in records.batches():
        chances.setdefault(str(batch["source"][0]), []).append(chance(batch, records.stage))
    under = {source: least(np.concatenate(found), count) for source, found in chances.items()}
    for batch in records.batches(*columns):
        kept = drawn(batch, records.stage, under[str(batch["source"][0])])
        if len(kept):
            yield kept


def least(chances: np.ndarray, count: int) -> float:
    """The chance under which there are `count` records; 1 for all."""
    return 1.0 if count >= len(chances) else float(np.partition(chances, count)[count])


def hear_exchanges(script: Script, batch: pa.Table, source: str, heard: Heard) -> None:
    """Count answers that the template leaves out, or that stand behind something else than a model is asked with."""
    for row, exchange in script.exchanges(batch) if script.exchanges else ():
        start = shared_start(exchange.asked, exchange.whole)
        record, behind = batch["id"][row], exchange.whole[start:]
        heard.note("exchanges", source)
        if exchange.says and not behind.strip():
            heard.note("dropped", source, 1, record)
        elif start < len(exchange.asked):
            other, trained = shown(exchange.asked[start:]), shown(behind[: len(exchange.asked) - start])
            heard.note("differ", source, 1, record, f"(asked with {other}, trained with {trained})")
        elif not opens(ids(script.tokenizer, exchange.whole), ids(script.tokenizer, exchange.asked)):
            heard.note("torn", source, 1, record)


def shown(text: str, characters: int = 40) -> str:
    """The beginning of a text in quotation marks."""
    return repr(text if len(text) <= characters else text[:characters] + "…")


def ids(tokenizer: Any, text: str) -> list[int]:
    """The tokens of a rendering."""
    return list(tokenizer(text, add_special_tokens=False)["input_ids"])


def opens(whole: Sequence[int], start: Sequence[int]) -> bool:
    """Whether tokens begin with others."""
    return whole[: len(start)] == start


def hear_tokens(script: Script, batch: pa.Table, source: str, heard: Heard) -> None:
    """Count sequences that are too long, and answers that end in nothing that generation stops at."""
    for row, signed in script.encode(batch):
        tokens = signed[script.skip :]
        record, over = batch["id"][row], max(0, len(tokens) - script.fits)
        heard.note("rows", source)
        heard.note("tokens", source, len(tokens))
        heard.note("over", source, over)
        heard.note("long", source, int(over > 0), record, f"({len(tokens)} tokens)")
        for end in last_of_answers([token >= 0 for token in tokens]):
            heard.note("answers", source)
            if tokens[end] not in script.stops:
                how = f"(its answer ends in {named(script.tokenizer, [tokens[end]])})"
                heard.note("endless", source, 1, record, how)


def named(tokenizer: Any, tokens: Sequence[int]) -> str:
    """Tokens for a reader: `'<|im_end|>' (3)`."""
    return ", ".join(f"{tokenizer.decode([token])!r} ({token})" for token in tokens)


def renderings_alike(heard: Heard, source: str) -> Iterator[Finding]:
    """The shares of answers that the template drops, changes the question of, or tears from it."""
    template = "mend the chat template (chat_template.jinja in the model's folder)"
    dropped, differ = (heard.share(what, "exchanges", source) for what in ("dropped", "differ"))
    fault = f"the chat template leaves out what the assistant says in {dropped:.0%} of the answers: "
    yield troubled("answers_left_out_share", dropped, heard, "dropped", source, fault, template)
    fault = f"a model is asked with other text than it is trained with before {differ:.0%} of the answers: "
    remedy = f"{template}: a conversation up to an answer, with add_generation_prompt, must begin the whole one; "
    remedy += "or let the answers begin as the prompt makes them, with reasoning, say"
    yield troubled("renderings_differ_share", differ, heard, "differ", source, fault, remedy)
    torn = heard.share("torn", "exchanges", source)
    fault = f"{torn:.0%} of the answers share a token with the prompt before them, which no prompt ends in: "
    remedy = "let the template's generation prompt end where a token does, not in a blank"
    yield troubled("torn_prompts_share", torn, heard, "torn", source, fault, remedy, stops=False)


def troubled(
    name: str, share: float, heard: Heard, what: str, source: str, fault: str, remedy: str, stops: bool = True
) -> Finding:
    """A share that is a fault where it is more than one in a hundred."""
    wrong = fault + heard.first[what, source] if share > UNUSABLE_SHARE else ""
    return Finding(name, share, source, wrong, remedy, stops)


def endings(script: Script, heard: Heard, source: str) -> Finding:
    """The share of answers that end in what generation stops at."""
    share = heard.share("endless", "answers", source)
    fault = f"{share:.0%} of the answers end in a token that generation will not stop at "
    fault += f"({named(script.tokenizer, sorted(script.stops))} it will): "
    remedy = "let the chat template end an answer in a special token of the tokenizer"
    remedy += ", and name it in `eos_token_id` of the model's generation_config.json"
    return troubled("endless_answers_share", share, heard, "endless", source, fault, remedy)


def lengths(heard: Heard, source: str) -> Iterator[Finding]:
    """The shares of rows that are too long, and of all tokens that are beyond what fits."""
    long = heard.share("long", "rows", source)
    fault = f"{long:.0%} of the rows of source '{source}' are longer than `context`: "
    remedy = "raise `context`, or drop or split them before"
    yield troubled("overlong_share", long, heard, "long", source, fault, remedy, stops=False)
    yield Finding("cut_share", heard.share("over", "tokens", source), source)


def will_stop_at(network: Any, tokenizer: Any) -> frozenset[int]:
    """What generation stops at once a model is tuned: its own ends, the end of text, and the template's turn end."""
    own = turn_ends(tokenizer) if tokenizer.chat_template else set()
    return frozenset({*stops_of(network), tokenizer.eos_token_id, *own} - {None})


def stops_of(network: Any) -> set[int]:
    """What generation stops at as the model's generation config has it."""
    known = getattr(getattr(network, "generation_config", None), "eos_token_id", None)
    return set(known if isinstance(known, list) else [] if known is None else [known])


def stopping(network: Any, tokenizer: Any) -> Finding:
    """Whether generation stopped at the template's turn end before (`stops_at_turn_end`); the tuned model will.

    A template that cannot write a plain question and its answer is a fault.
    """
    from jinja2 import TemplateError

    try:
        turn_ends(tokenizer)
    except (TemplateError, KeyError, TypeError) as error:
        fault = f"the chat template refuses a plain question and its answer: {error}"
        return Finding("stops_at_turn_end", 0.0, None, fault, "take a template that is written for texts alone")
    missing = sorted(turn_ends(tokenizer) - stops_of(network))
    fault = f"generation did not stop at {named(tokenizer, missing)}, in which the chat template ends a turn"
    remedy = "the trained model's generation_config.json names it"
    return Finding("stops_at_turn_end", float(not missing), None, fault if missing else "", remedy, stops=False)


def conversing(tokenizer: Any) -> Exchanges:
    """The exchanges of `messages`: one an answer."""

    def found(messages: Sequence[Message]) -> Iterator[Exchange]:
        for end, message in enumerate(messages):
            if message["role"] == "assistant":
                yield exchange(tokenizer, messages[:end], messages[end : end + 1])

    def exchanges(batch: pa.Table) -> Iterator[tuple[int, Exchange]]:
        for row, messages in enumerate(batch["messages"].to_pylist()):
            yield from ((row, one) for one in passable(found, messages or []))

    return exchanges


def answering(tokenizer: Any, read: Read) -> Exchanges:
    """The exchanges of prompts and their answers: one an answer."""

    def found(said: tuple[Said, Sequence[Said]]) -> Iterator[Exchange]:
        for answer in said[1]:
            yield exchange(tokenizer, turns(said[0], "user"), turns(answer, "assistant"))

    def exchanges(batch: pa.Table) -> Iterator[tuple[int, Exchange]]:
        for row, record in enumerate(read(batch)):
            yield from ((row, one) for one in passable(found, (record.prompt, record.answers or ())))

    return exchanges


def exchange(tokenizer: Any, before: Sequence[Message], answer: Sequence[Message]) -> Exchange:
    """What a model is asked with, and what it is trained on. Raises what the template raises."""
    asked = rendered(tokenizer, before, asks=True)
    whole = rendered(tokenizer, [*before, *answer], asks=False)
    return Exchange(asked, whole, any(says(message) for message in answer))


def says(message: Mapping[str, Any]) -> bool:
    """Whether a message has text in it."""
    return bool((message.get("content") or "").strip())


def passable(find: Callable[[Any], Iterator[Exchange]], record: Any) -> list[Exchange]:
    """A record's exchanges; none where the template refuses it, which the encoder counts."""
    from jinja2 import TemplateError

    try:
        return list(find(record))
    except (TemplateError, KeyError, TypeError):
        return []
