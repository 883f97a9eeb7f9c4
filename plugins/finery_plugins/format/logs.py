"""The format `logs`: interaction logs to training samples, by what people did with the answers they got."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Any, Literal, TypeAlias

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Born, PipelineError, Tally, did_you_mean, hookimpl, plugin
from finery_plugins.format.chat import MESSAGES
from finery_plugins.text.content import listed, one_chunk, place

Signal: TypeAlias = str | bool | int | float

GOOD: list[Signal] = ["up", "good", "like", "liked", "thumbs_up", "positive", "copied", "accepted", True, 1]
BAD: list[Signal] = ["down", "bad", "dislike", "disliked", "thumbs_down", "negative", "rejected", False, 0, -1]
"""Words and signs in use; a scale of stars means something else on every site, so it has to be named."""


@dataclass(frozen=True)
class Event:
    """One answer that somebody was given."""

    row: int
    time: Any
    prompt: str
    response: str
    verdict: Literal["good", "bad", ""]
    edited: str | None
    """What the user made of the answer."""


@plugin
class Logs:
    """Make training samples of interaction logs: a row an answer, with what the user did about it.

    The rows of a session are brought together and put in order of time. What somebody asked before, with the answer
    that stood, is the history of what they ask next. Asking the same again right after is a regeneration: both answers
    are to one prompt. An answer that the user edited is worth its edited form.

    - `sft`: a dialogue that ends in a good answer or an edited one, as `messages`.
    - `preference`: `prompt`, `chosen`, `rejected`: an edited answer over the one it was made of, a good answer over a
      bad one to the same prompt.
    - `verdicts`: `prompt`, `completion`, `label` of each answer that was judged, as KTO takes them.

    A row that takes part in no sample leaves as `not-judged`, or as `unused` where it was judged.

    ```toml
    [[stage]]
    format = "logs"
    make = "preference"
    session = "conversation_id"
    time = "created_at"
    feedback = "rating"
    good = ["up", 4, 5]
    bad = ["down", 1, 2]
    ```
    """

    make: Literal["sft", "preference", "verdicts"] = "sft"
    """What is made of the logs."""

    session: str = "session"
    """The column that names the session; a row without one is a session of its own."""

    time: str | None = "time"
    """The column that orders a session: numbers, texts that sort by time, or times. Not given, the order of ids."""

    prompt: str = "prompt"
    """The column with what was asked."""

    response: str = "response"
    """The column with the answer."""

    feedback: str = "feedback"
    """The column with the user's verdict."""

    edited: str = "edited"
    """The column with the answer as the user changed it; it need not be there."""

    good: list[Signal] = Field(default_factory=lambda: list(GOOD))
    """Values of `feedback` that speak for an answer; texts in any case."""

    bad: list[Signal] = Field(default_factory=lambda: list(BAD))
    """Values of `feedback` that speak against it."""

    max_history: Annotated[int, Field(ge=0)] = 16
    """How many exchanges before the last stand in a sample at most: the newest."""

    min_characters: Annotated[int, Field(ge=0)] = 1
    """Shorter answers are no samples."""

    @model_validator(mode="after")
    def verdicts_differ(self) -> Logs:
        """Raise ValueError for a value that speaks for and against."""
        if both := {folded(value) for value in self.good} & {folded(value) for value in self.bad}:
            raise ValueError(f"{min(map(str, both))} is in `good` and in `bad`")
        return self

    @hookimpl
    def gather(self, batch: Batch) -> pa.Array:
        """The session."""
        return one_chunk(self.column(batch, self.session)).cast(pa.large_string())

    @hookimpl
    def format(self, batch: Batch, tally: Tally) -> Born:
        """Samples of the sessions in a batch. Raises PipelineError for columns that are not there."""
        samples: list[dict[str, Any]] = []
        sessions = one_chunk(self.column(batch, self.session)).to_pylist()
        events = list(self.events(batch))
        borders = [i for i in range(len(events)) if not i or sessions[i] is None or sessions[i] != sessions[i - 1]]
        for start, end in pairwise([*borders, len(events)]):
            samples += self.samples(events[start:end])
        tally["sessions"] += len(borders)
        tally["judged"] += sum(event.verdict != "" or event.edited is not None for event in events)
        silent = ["unused" if event.verdict or event.edited else "not-judged" for event in events]
        return Born(table(samples, batch, self.make), pa.array(silent, pa.string()))

    def column(self, batch: Batch, name: str) -> pa.ChunkedArray:
        """A column of the logs. Raises PipelineError that names the columns there are."""
        if name in batch.column_names:
            return batch.column(name)
        fault = f"'logs' finds no column '{name}'{did_you_mean(name, batch.column_names)}"
        remedy = f"it has {listed(batch.column_names)}: say which is which with session, prompt, response, feedback"
        raise PipelineError.at(place(batch), fault, remedy)

    def events(self, batch: Batch) -> Iterator[Event]:
        """The rows as events; an empty text for a null."""
        names = (self.prompt, self.response, self.feedback)
        columns = [self.column(batch, name).to_pylist() for name in names]
        ids = [record.bytes for record in batch.column("id").to_pylist()]
        times = ids if self.time is None else self.column(batch, self.time).to_pylist()
        none: list[Any] = [None] * len(batch)
        edits = batch.column(self.edited).to_pylist() if self.edited in batch.column_names else none
        for row, (asked, told, felt) in enumerate(zip(*columns, strict=True)):
            yield Event(row, times[row], asked or "", told or "", self.verdict(felt), edits[row] or None)

    def verdict(self, felt: Any) -> Literal["good", "bad", ""]:
        """What a value of `feedback` says."""
        if felt is None:
            return ""
        if folded(felt) in {folded(value) for value in self.good}:
            return "good"
        return "bad" if folded(felt) in {folded(value) for value in self.bad} else ""

    def samples(self, events: Sequence[Event]) -> Iterator[dict[str, Any]]:
        """The samples of one session."""
        history: list[tuple[str, str]] = []
        parents: list[int] = []
        make = {"sft": self.dialogues, "preference": self.preferences, "verdicts": self.judgements}[self.make]
        for asked in exchanges(sorted(events, key=in_time)):
            before = history[len(history) - min(self.max_history, len(history)) :]
            for sample in make(asked, [turn for pair in before for turn in turns(*pair)]):
                yield {**sample, "parents": [*parents[len(parents) - len(before) :], *sample["parents"]]}
            stood = best(asked)
            history.append((stood.prompt, worth(stood)))
            parents.append(stood.row)

    def dialogues(self, asked: Sequence[Event], before: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
        """The dialogue up to an answer that is good or was made so."""
        event = best(asked)
        if (event.verdict == "good" or event.edited) and self.long(worth(event)):
            yield {"messages": [*before, *turns(event.prompt, worth(event))], "parents": [event.row]}

    def preferences(self, asked: Sequence[Event], before: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
        """Pairs of answers to one prompt."""
        prompt = [*before, said("user", asked[0].prompt)]
        pairs = [(event, event.edited, event, event.response) for event in asked if event.edited]
        good = [event for event in asked if event.verdict == "good"]
        bad = [event for event in asked if event.verdict == "bad"]
        pairs += [(one, worth(one), other, other.response) for one in good for other in bad]
        for one, chosen, other, rejected in pairs:
            if chosen != rejected and self.long(str(chosen)) and self.long(rejected):
                answers = {"chosen": [said("assistant", str(chosen))], "rejected": [said("assistant", rejected)]}
                yield {"prompt": prompt, **answers, "parents": list(dict.fromkeys([one.row, other.row]))}

    def judgements(self, asked: Sequence[Event], before: list[dict[str, str]]) -> Iterator[dict[str, Any]]:
        """Each answer that was judged."""
        prompt = [*before, said("user", asked[0].prompt)]
        for event in asked:
            if event.verdict and self.long(event.response):
                completion = [said("assistant", event.response)]
                label = event.verdict == "good"
                yield {"prompt": prompt, "completion": completion, "label": label, "parents": [event.row]}

    def long(self, text: str) -> bool:
        """Whether an answer is long enough."""
        return len(text.strip()) >= self.min_characters


def folded(value: Signal) -> Signal:
    """A value as it is compared: texts in small letters; a number is a number, a truth value is none."""
    return f"is {value}" if isinstance(value, bool) else value.strip().lower() if isinstance(value, str) else value


def in_time(event: Event) -> tuple[bool, Any, int]:
    """The order of a session's events: those without a time last, equal times by id, as rows come."""
    return event.time is None, 0 if event.time is None else event.time, event.row


def exchanges(events: Sequence[Event]) -> Iterator[list[Event]]:
    """The answers to each prompt: who asks the same again right after wants another answer."""
    asked: list[Event] = []
    for event in events:
        if asked and event.prompt != asked[0].prompt:
            yield asked
            asked = []
        asked.append(event)
    if asked:
        yield asked


def best(asked: Sequence[Event]) -> Event:
    """The answer that stood: the last good or edited one, else the last that was not bad, else the last."""
    standing = [2 if event.edited else {"good": 2, "": 1, "bad": 0}[event.verdict] for event in asked]
    return max(zip(standing, range(len(asked)), asked, strict=True), key=lambda found: found[:2])[2]


def worth(event: Event) -> str:
    """The answer as the user would have it."""
    return event.edited or event.response


def said(role: str, content: str) -> dict[str, str]:
    """One turn."""
    return {"role": role, "content": content}


def turns(prompt: str, response: str) -> list[dict[str, str]]:
    """An exchange as two turns."""
    return [said("user", prompt), said("assistant", response)]


def table(samples: Sequence[dict[str, Any]], batch: Batch, make: str) -> pa.Table:
    """The samples as records with their parents."""
    kinds = {"sft": ("messages",), "preference": ("prompt", "chosen", "rejected"), "verdicts": ("prompt", "completion")}
    columns = {name: pa.array([sample[name] for sample in samples], MESSAGES) for name in kinds[make]}
    if make == "verdicts":
        columns["label"] = pa.array([sample["label"] for sample in samples], pa.bool_())
    ids = one_chunk(batch.column("id"))
    flat = pa.array([row for sample in samples for row in sample["parents"]], pa.int64())
    ends = [0]
    for sample in samples:
        ends.append(ends[-1] + len(sample["parents"]))
    return pa.table({**columns, "parent": pa.ListArray.from_arrays(pa.array(ends, pa.int32()), ids.take(flat))})
