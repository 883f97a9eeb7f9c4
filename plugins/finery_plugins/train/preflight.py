"""The pre-flight of each kind of training: what is looked at before the first step, so that a fault costs seconds."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

from finery_plugins.train.census import cut_in_pieces, taken, vocabulary
from finery_plugins.train.conversations import Conversations
from finery_plugins.train.findings import Finding, preflight
from finery_plugins.train.packed_loss import alike
from finery_plugins.train.preferences import Answered, Preferences, Read, Speller
from finery_plugins.train.records import Records
from finery_plugins.train.rehearsal import UNCUT, Script, answering, conversing, rehearsed, stopping, will_stop_at
from finery_plugins.train.site import Site
from finery_plugins.train.tokens import Tokens
from finery_plugins.train.training import Training


def check_conversations(records: Records, tokenizer: Any, network: Any, context: int, site: Site) -> None:
    """Rehearse `messages` before they are tokenised. Raises DataError."""
    preflight(site, "template", lambda: conversations_found(records, tokenizer, network, context, site))


def conversations_found(records: Records, tokenizer: Any, network: Any, context: int, site: Site) -> Iterator[Finding]:
    """What a rehearsal of `messages` finds: a row is fed `context` tokens, and the last one predicts one more."""
    first = stopping(network, tokenizer)
    yield first
    if first.fault and first.stops:
        return
    encoder = Conversations(tokenizer, UNCUT, site)
    exchanges, stops = conversing(tokenizer), will_stop_at(network, tokenizer)
    yield from rehearsed(
        Script(records, ["messages"], encoder.encode, tokenizer, context + 1, exchanges=exchanges, stops=stops)
    )


def check_answers(
    records: Records, columns: Sequence[str], read: Read, speller: Speller, network: Any, fits: int, site: Site
) -> None:
    """Rehearse prompts and their answers before they are tokenised; `fits` tokens may be in one. Raises DataError."""
    preflight(site, "template", lambda: answers_found(records, columns, read, speller, network, fits, site))


def answers_found(
    records: Records, columns: Sequence[str], read: Read, speller: Speller, network: Any, fits: int, site: Site
) -> Iterator[Finding]:
    """What a rehearsal of prompts and answers finds."""
    encoder, one = Preferences(speller, UNCUT, site, read), example(records, columns, read)
    exchanges = answering(speller.tokenizer, read) if speller.chat and one.answers is not None else None
    generates = one.answers is not None and can_generate(network)
    if generates and speller.chat:
        first = stopping(network, speller.tokenizer)
        yield first
        if first.fault and first.stops:
            return
    stops = will_stop_at(network, speller.tokenizer) if generates else frozenset[int]()
    script = Script(records, columns, encoder.encode, speller.tokenizer, fits, exchanges, stops, len(one.labels[:1]))
    yield from rehearsed(script)


def check_rows(training: Training, network: Any, tokenizer: Any, answers: bool = False, share: float = 1.0) -> None:
    """Look at everything that was tokenised, and at what packing does to a network.

    `answers` says whether rows were cut at their answers' cost, or are documents that go on in the next row; `share` is
    how many of the tokens that could be are trained on. Raises DataError.
    """
    preflight(training.site, "rows", lambda: rows_found(training, network, tokenizer, answers, share))


def rows_found(training: Training, network: Any, tokenizer: Any, answers: bool, share: float) -> Iterator[Finding]:
    """What the census of a training's tokens finds, and whether packing changes a loss."""
    known, tokens = vocabulary(network, tokenizer), training.tokens
    found = list(taken(tokens, known, ahead=training.ahead, share=share))
    yield from found
    if not answers:
        yield from cut_in_pieces(tokens, training.context, training.ahead)
    if not any(one.fault and one.stops for one in found):  # a token without an embedding would end the process
        yield from alike(training, network)


def check_sequences(
    tokens: Tokens, records: Records, columns: Sequence[str], read: Read, network: Any, tokenizer: Any, site: Site
) -> None:
    """Look at all sequences of prompts and answers. Raises DataError."""
    preflight(site, "rows", lambda: sequences_found(tokens, example(records, columns, read), network, tokenizer))


def sequences_found(tokens: Tokens, one: Answered, network: Any, tokenizer: Any) -> Iterator[Finding]:
    """What the census of prompts and answers finds; `one` is an example of their shape."""
    known, has = vocabulary(network, tokenizer), one.answers is not None
    yield from taken(tokens, known, answers=has, ahead=1 if has else 0, skip=len(one.labels[:1]))


def example(records: Records, columns: Sequence[str], read: Read) -> Answered:
    """The first record, which shows the shape of all."""
    everything = (one for batch in records.batches(*columns) for one in read(batch.slice(0, 1)))
    return next(itertools.chain(everything, [Answered("", None)]))


def can_generate(network: Any) -> bool:
    """Whether a network writes text, rather than numbers."""
    return bool(getattr(network, "can_generate", bool)())
