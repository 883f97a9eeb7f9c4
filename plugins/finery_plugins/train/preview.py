"""What a train stage would be shown of some records, and what its pre-flight finds in them, without weights."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery import DataError, Dataset, Fault, Model, Preview, Shown, Stage, World
from finery_plugins.train.architecture import CAUSAL, auto_class, context_of, locate, longest
from finery_plugins.train.census import Vocabulary, cut_in_pieces, taken
from finery_plugins.train.conversation import templated
from finery_plugins.train.conversations import Conversations
from finery_plugins.train.findings import Finding, faults
from finery_plugins.train.packing import packed
from finery_plugins.train.policy import configured, given
from finery_plugins.train.preferences import Preferences, Read, Said, Speller, demand_columns, turns
from finery_plugins.train.preflight import answers_found, conversations_found, example, sequences_found
from finery_plugins.train.prompts import KINDS, Prompts
from finery_plugins.train.records import Records, shaped
from finery_plugins.train.rehearsal import UNCUT
from finery_plugins.train.showing import pieces, turn_starts
from finery_plugins.train.silent import Silent
from finery_plugins.train.site import Site, demand, place, quieten
from finery_plugins.train.texts import encoding, texts_of
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import Tokens, tokenised
from finery_plugins.train.tuning import speaking

NO_WEIGHTS = "a preview loads no weights: whether packed documents see each other shows when the stage starts"


@dataclass
class Look:
    """What was found so far."""

    found: list[Finding] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def take(self, findings: Iterable[Finding], where: str) -> None:
        """Add findings; what they are faults of, and warnings, too."""
        made = list(findings)
        self.found += made
        self.faults += faults(made, where)
        self.notes += [f"{one.fault}: {one.remedy}" for one in made if one.fault and not one.stops]

    def preview(self, shown: Iterable[Shown], context: int, tokens: Tokens | None, packing: bool) -> Preview:
        """All of it; the rows that the tokens make, where they are packed."""
        metrics = {f"preflight/{one.key}": one.value for one in self.found}
        rows = tuple(in_rows(tokens, context)) if tokens is not None and packing else ()
        notes = [*self.notes, *([NO_WEIGHTS] if rows else [])]
        return Preview(shown, context, metrics, tuple(self.faults), tuple(notes), rows)


def ready(out: Path, stage: Stage) -> Site:
    """A site without journal. Raises MissingExtra."""
    demand(place(stage), "torch", "transformers", "tokenizers")
    quieten(1)
    return Site(out, World(), stage, Silent())


def outline(model: Model, where: str, kind: str = CAUSAL) -> Any:
    """A model without its weights, but with its sizes and its generation config. Raises UsageError."""
    import torch
    from transformers import GenerationConfig

    config = configured(model, where)
    with torch.device("meta"):
        made = auto_class(kind).from_config(config, trust_remote_code=False)
    with suppress(OSError):
        made.generation_config = GenerationConfig.from_pretrained(locate(model, where))
    return made


def attempted(make: Callable[[], Tokens], look: Look, check: Callable[[], None] = lambda: None) -> Tokens | None:
    """Tokens; None where there are none. That is a fault that the look keeps, as is what `check` raises."""
    tokens = None
    try:
        try:
            tokens = make()
        finally:
            check()
    except DataError as error:
        look.faults += error.faults
    return tokens


def in_rows(tokens: Tokens, context: int, ahead: int = 1) -> Iterator[tuple[tuple[str, int], ...]]:
    """The record and tokens of each document of each row."""
    rows = packed(tokens, context, True, ahead)
    for row in range(len(rows)):
        yield tuple((str(tokens.ids[sequence].as_py()), length) for sequence, _, length in rows.pieces(row))


def each(records: Records, columns: Sequence[str]) -> Iterator[tuple[pa.Table, str, str]]:
    """Every record as a batch of one, with its id and source."""
    for batch in records.batches(*columns):
        for row in range(len(batch)):
            yield batch.slice(row, 1), str(batch["id"][row].as_py()), str(batch["source"][row])


def preview_texts(
    plugin: Any,
    examples: Dataset,
    model: Model | None,
    out: Path,
    stage: Stage,
    ahead: int,
    kind: str = CAUSAL,
    share: float = 1.0,
) -> Preview:
    """The preview of a training on text, of whose tokens a `share` is trained on.

    Raises DataError where a source has none.
    """
    site, look = ready(out, stage), Look()
    texts = texts_of(examples, plugin.split, stage.plugin, site)
    tokenizer = texts.tokenizer(model, plugin.fit)
    if model is None:
        look.notes.append("the tokenizer is fitted to the records of this preview: that of the training may differ")
        context, size = plugin.fit.context, len(tokenizer)
    else:
        network = outline(model, site.place, kind)
        context, size = context_in(plugin, network, site.place), embeddings(network)
    tokens = attempted(lambda: texts.tokens(tokenizer, math.inf), look)
    if tokens is not None:
        known = Vocabulary(size, tokenizer.unk_token_id)
        look.take(taken(tokens, known, ahead=ahead, share=share), site.place)
        look.take(cut_in_pieces(tokens, context, ahead), site.place)
    return look.preview(shown_texts(texts.records, tokenizer, context), context, tokens, plugin.packing)


def context_in(plugin: Any, network: Any, where: str) -> int:
    """Tokens in a row, less what a prefix takes. Raises UsageError for more than the model knows."""
    prefix = getattr(getattr(plugin.method, "prefix", None), "length", 0)
    known = longest(network)
    if prefix and known is not None and plugin.context is None:
        return min(known - prefix, context_of(network, None, where))
    return context_of(network, plugin.context, where)


def embeddings(network: Any) -> int:
    """How many tokens a network has embeddings for."""
    return int(network.get_input_embeddings().weight.shape[0])


def shown_texts(records: Records, tokenizer: Any, context: int) -> Iterator[Shown]:
    """Each text; a border where it goes on in another row."""
    encode = encoding(tokenizer)
    for one, record, source in each(records, ["text"]):
        for _, signed in encode(one):
            rows = range(0, max(len(signed) - 1, 1), context)
            note = f"read in {len(rows)} pieces" if len(rows) > 1 else ""
            if len(signed) < 2:
                note = "left out: it is empty"
            yield Shown(record, source, "text", pieces(tokenizer, signed, len(signed), list(rows)), note)


def preview_conversations(plugin: Any, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
    """The preview of a training on `messages`. Raises DataError where a source has none, UsageError without a model."""
    site, look = ready(out, stage), Look()
    base, records = given(model, site), Records(examples, stage, plugin.split)
    shaped(records, ["messages"], 'put `format = "chat"` before it, or name the chats in `only`')
    tokenizer = loaded_tokenizer(base, site.place)
    templated(tokenizer, site.place)
    network = outline(base, site.place)
    context = context_in(plugin, network, site.place)
    look.take(conversations_found(records, tokenizer, network, context, site), site.place)
    encoder = Conversations(tokenizer, context, site)
    tokens = attempted(lambda: tokenised(records, ["messages"], encoder.encode, 1.0, site), look, encoder.check)
    if tokens is not None:
        look.take(taken(tokens, Vocabulary(embeddings(network), tokenizer.unk_token_id)), site.place)
    return look.preview(shown_conversations(records, tokenizer, context, site), context, tokens, plugin.packing)


def shown_conversations(records: Records, tokenizer: Any, context: int, site: Site) -> Iterator[Shown]:
    """Each rendering of each conversation."""
    fits = context + 1
    for one, record, source in each(records, ["messages"]):
        encoder, messages = Conversations(tokenizer, UNCUT, site), one["messages"][0].as_py() or []
        found = [signed for _, signed in encoder.encode(one)]
        for number, signed in enumerate(found):
            name = "conversation" if len(found) == 1 else f"conversation, {number + 1} of {len(found)} renderings"
            starts = turn_starts(tokenizer, messages, signed)
            yield Shown(record, source, name, pieces(tokenizer, signed, fits, starts), cut_note(signed, fits))
        if not found:
            fault = encoder.first_fault.partition(": ")[2] or "it has no answer"
            yield Shown(record, source, "conversation", (), f"left out: {fault}")


def cut_note(signed: Sequence[int], fits: int) -> str:
    """What becomes of a conversation that is too long, or nothing."""
    if len(signed) <= fits:
        return ""
    if not any(token >= 0 for token in signed[1:fits]):
        return f"left out: no answer stands within its first {fits:,} of {len(signed):,} tokens"
    return f"cut after {fits:,} of {len(signed):,} tokens"


def preview_answers(
    plugin: Any,
    examples: Dataset,
    model: Model | None,
    out: Path,
    stage: Stage,
    kinds: Sequence[Sequence[str]],
    columns: Sequence[str],
    read: Read,
    room: int = 0,
    writes: bool = True,
) -> Preview:
    """The preview of a training on prompts and answers, `room` tokens of the context left free; `writes` says whether
    the trained model answers with text.

    Raises DataError where a source has none of the `kinds` of columns, UsageError without a model.
    """
    site, look = ready(out, stage), Look()
    base, records = given(model, site), Records(examples, stage, plugin.split)
    demand_columns(records, kinds, "name other sources in `only`")
    tokenizer, network = speaking(plugin, base, site), outline(base, site.place)
    context = context_in(plugin, network, site.place)
    fits, speller = context - room, Speller(tokenizer, plugin.chat)
    writer = network if writes else None
    look.take(answers_found(records, columns, read, speller, writer, fits, site), site.place)
    encoder = Preferences(speller, fits, site, read)
    tokens = attempted(lambda: tokenised(records, columns, encoder.encode, 1.0, site), look, encoder.check)
    if tokens is not None:
        look.take(sequences_found(tokens, example(records, columns, read), network, tokenizer), site.place)
    return look.preview(shown_answers(records, columns, read, speller, fits, site), context, None, False)


def preview_prompts(plugin: Any, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
    """The preview of a training on answers that the model gives itself: its prompts."""
    prompts = Prompts(plugin.answer)
    asked = (KINDS, prompts.columns, prompts.encoded, plugin.answer_tokens)
    return preview_answers(plugin, examples, model, out, stage, *asked)


def shown_answers(
    records: Records, columns: Sequence[str], read: Read, speller: Speller, fits: int, site: Site
) -> Iterator[Shown]:
    """Each answer behind its prompt, or the prompt alone."""
    for one, record, source in each(records, columns):
        encoder = Preferences(speller, UNCUT, site, read)
        said = next(iter(read(one)))
        found = [signed[len(said.labels[:1]) :] for _, signed in encoder.encode(one)]
        names = answer_names(len(found), said.labels, said.answers is None) if found else []
        for name, signed, answer in zip(names, found, said.answers or [None], strict=False):
            made = pieces(speller.tokenizer, signed, fits, borders(speller, said.prompt, answer, signed))
            yield Shown(record, source, name, made, left_out(found, fits))
        if not found:
            fault = encoder.first_fault.partition(": ")[2]
            yield Shown(record, source, "answer", (), f"left out: {fault}")


def borders(speller: Speller, prompt: Said, answer: Said, signed: Sequence[int]) -> list[int]:
    """The tokens at which turns begin, or the prompt and the answer where no template is used."""
    if isinstance(prompt, str) and not speller.chat:
        return [0, next((at for at, token in enumerate(signed) if token >= 0), len(signed))]
    said = [*turns(prompt, "user"), *(turns(answer, "assistant") or [{"role": "assistant", "content": ""}])]
    return turn_starts(speller.tokenizer, said, signed)


def left_out(found: Sequence[Sequence[int]], fits: int) -> str:
    """Why a record that has tokens is of no use, or nothing."""
    longest = max(map(len, found), default=0)
    return f"left out: it takes {longest:,} tokens, where {fits:,} fit" if longest > fits else ""


def answer_names(count: int, labels: Sequence[bool], alone: bool) -> list[str]:
    """What a record's sequences are called."""
    if alone:
        return ["prompt"] * count
    if labels:
        return [f"answer, {'wanted' if label else 'not wanted'}" for label in labels]
    names = ["chosen", "rejected"]
    return [names[at % 2] + (f" of pair {at // 2 + 1}" if count > 2 else "") for at in range(count)]
