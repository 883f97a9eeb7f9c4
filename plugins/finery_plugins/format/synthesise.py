"""The format `synthesise`: new samples that a model writes after records of ours."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, get_args

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Born, File, Stage, State, Tally, UsageError, hookimpl, plugin
from finery_plugins.format.chat import MESSAGES
from finery_plugins.format.ngrams import features
from finery_plugins.generate.chats import Chats, opened
from finery_plugins.generate.children import children, provenance, texts
from finery_plugins.generate.draws import Draws, draws
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.kept import Reply
from finery_plugins.generate.options import (
    AnswersOption,
    LocalOption,
    Name,
    Sampling,
    SamplingOption,
    ServerOption,
    one_writer,
)
from finery_plugins.generate.parsing import fields_of, language_of
from finery_plugins.generate.prompts import CHANGES, FORMS, PERSONAS, STYLES
from finery_plugins.text.content import contents, text_columns

Style = Literal["inspired", "evolved", "persona", "grounded"]
PLACES = ("{seed}", "{persona}", "{change}")


class Sample(NamedTuple):
    """A sample that is wanted."""

    row: int
    style: str
    prompt: str
    seed: int


class Written(NamedTuple):
    """A sample that came of it."""

    sample: Sample
    fields: dict[str, str]
    reply: Reply


@plugin(batch=1024, deterministic=False, releases_gil=True)
class Synthesise:
    """Write new samples after each record with a model: a question and its answer.

    Each request shows the record and asks in a style drawn by a hash of its id: another sample of the kind, a harder
    version, what somebody else would ask, or a question that the text answers. An answer that cannot be read, one that
    the limit cut off, and one that says nearly what its record or an earlier sample of it says, is refused: `tally`
    counts `unreadable`, `broken-off`, `near-copy` and `unanswered`. A sample's parent is its record; `generated_by`,
    `prompt_id`, `cost` and `prompt_style` say how it came about, and the request lies under its `prompt_id` with the
    stage. A record without a sample is dropped, one that the model does not answer at all becomes an error.

    ```toml
    [[stage]]
    format = "synthesise"
    server = { url = "http://localhost:8000/v1", model = "qwen3-32b", key = "WRITER_KEY" }
    samples = 4
    styles = ["inspired", "evolved"]
    ```
    """

    server: ServerOption = None
    local: LocalOption = None
    sampling: SamplingOption = Field(default_factory=Sampling)
    answers: AnswersOption = None

    samples: Annotated[int, Field(ge=1, le=1000)] = 1
    """Samples asked for of each record."""

    styles: Annotated[list[Style], Field(min_length=1)] = Field(default_factory=lambda: list(get_args(Style)))
    """What is asked for; each request draws one."""

    templates: File | None = None
    """A text file of prompts to draw from instead, parted by lines of `---`. `{seed}` stands for the record,
    `{persona}` and `{change}` for one drawn; what to reply with is added."""

    language: Literal["auto", "en", "zh"] = "auto"
    """The language of the prompts; `auto` takes that of the record."""

    form: Literal["json", "markers"] = "json"
    """How the sample is asked for. Both are read, whichever comes."""

    fields: list[Name] = Field(default_factory=list)
    """More fields of the JSON, each a column; a sample that lacks one is unreadable."""

    to: Literal["instruction", "messages"] = "instruction"
    """Whether samples are `instruction` and `output`, or `messages`."""

    max_alike: Annotated[float, Field(gt=0, le=1)] = 0.9
    """Refuse a sample whose character 3-grams have a higher cosine with those of its record, or of another sample."""

    max_characters: Annotated[int, Field(ge=1)] = 6000
    """Of a longer record, this much is shown."""

    @model_validator(mode="after")
    def somebody_writes(self) -> Synthesise:
        """Raise ValueError for no writer or two, for fields that cannot be asked for, or that are named twice."""
        if self.fields and self.form != "json":
            raise ValueError('fields need form = "json"')
        taken = {"question", "answer", "instruction", "output", "messages", "parent", "id", "source", "prompt_style"}
        if wrong := sorted({*self.fields} & taken):
            raise ValueError(f"fields may not name {wrong[0]}: the sample has it already")
        made: Synthesise = one_writer(self)
        return made

    @hookimpl
    def prepare(self) -> State:
        """The user's prompts. Raises UsageError for a file without `{seed}`."""
        if self.templates is None:
            return []
        try:
            text = Path(self.templates).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise UsageError.at(f"templates '{self.templates}'", str(error), "give a text file in UTF-8") from error
        found = [part.strip() for part in re.split(r"^-{3,}[ \t]*$", text, flags=re.MULTILINE) if part.strip()]
        if not found or not all("{seed}" in part for part in found):
            fault = "has a prompt without {seed}" if found else "is empty"
            raise UsageError.at(f"templates '{self.templates}'", fault, "put {seed} where the record goes")
        return found

    @hookimpl
    def format(self, batch: Batch, state: State, stage: Stage, tally: Tally, out: Path) -> Born:
        """New records, each with its parent, and what was wrong with the last sample of a record that has none.

        Raises Unanswered for a record, FineryError where the run has to stop.
        """
        gone = [*text_columns(batch), *(["label"] if "text" in batch.column_names else [])]
        told = contents(batch).to_pylist()
        wanted = self.wanted(batch, told, state or [], stage)
        chats = opened(self.server, self.local, self.sampling, self.answers, out, temperature=1.0)
        replies = chats.each(len(wanted), lambda at: self.reply(chats, wanted[at]))
        answered(wanted, replies)
        wrong = dict.fromkeys(range(len(batch)), "no-text")
        kept = list(self.readable(told, wanted, replies, tally, wrong))
        return Born(self.born(batch, kept, gone), pa.array(wrong.values(), pa.string()))

    @property
    def names(self) -> tuple[str, ...]:
        """The fields of a sample."""
        return ("question", "answer", *self.fields)

    def wanted(self, batch: Batch, told: Sequence[str], templates: Sequence[str], stage: Stage) -> list[Sample]:
        """What to ask for: so many samples of each record that says something."""
        streams = [draws(batch, stage, number) for number in range(self.samples)]
        return [
            Sample(row, *self.prompt(text, templates, stream[row]), stream[row].seed())
            for row, text in enumerate(told)
            for stream in streams
            if text.strip()
        ]

    def prompt(self, text: str, templates: Sequence[str], drawn: Draws) -> tuple[str, str]:
        """The style and the prompt of one sample."""
        language = language_of(text, self.language)
        style = "template" if templates else drawn.pick(self.styles)
        template = drawn.pick(templates or STYLES[style][language])
        fills = (text[: self.max_characters], drawn.pick(PERSONAS[language]), drawn.pick(CHANGES[language]))
        known = dict(zip(PLACES, fills, strict=True))
        asked = re.sub("|".join(map(re.escape, PLACES)), lambda place: known[place[0]], template)
        fields = ", ".join(f'"{name}"' for name in self.names)
        return style, f"{asked}\n\n{FORMS[self.form][language].replace('{fields}', fields)}"

    def reply(self, chats: Chats, sample: Sample) -> Reply | Unanswered:
        """The model's answer for one sample, or why there is none: another sample of the record may have one."""
        try:
            return chats.ask([{"role": "user", "content": sample.prompt}], sample.seed)
        except Unanswered as fault:
            return fault

    def readable(
        self,
        told: Sequence[str],
        wanted: Sequence[Sample],
        replies: Sequence[Reply | Unanswered],
        tally: Tally,
        wrong: dict[int, str],
    ) -> Iterator[Written]:
        """The samples that stay; the others are counted by what is wrong with them, and noted by row."""
        before: dict[int, list[str]] = {}
        for sample, reply in zip(wanted, replies, strict=True):
            fields = None if isinstance(reply, Unanswered) else fields_of(reply.text, self.names)
            if fields is None or isinstance(reply, Unanswered):
                wrong[sample.row] = wrong_with(reply)
                tally[wrong[sample.row]] += 1
                continue
            said = before.setdefault(sample.row, [told[sample.row]])
            text = f"{fields['question']}\n{fields['answer']}"
            if alike(text, said) > self.max_alike:
                wrong[sample.row] = "near-copy"
                tally["near-copy"] += 1
                continue
            said.append(text)
            yield Written(sample, fields, reply)

    def born(self, batch: Batch, written: Sequence[Written], gone: Sequence[str]) -> Batch:
        """The samples as records."""
        questions, answers = ([one.fields[name] for one in written] for name in ("question", "answer"))
        if self.to == "messages":
            pairs = zip(questions, answers, strict=True)
            columns = {"messages": pa.array([exchange(*pair) for pair in pairs], MESSAGES)}
        else:
            columns = {"instruction": texts(questions), "output": texts(answers)}
        columns |= {name: texts([one.fields[name] for one in written]) for name in self.fields}
        columns |= {"prompt_style": texts([one.sample.style for one in written])}
        columns |= provenance([[one.reply] for one in written])
        return children(batch, [one.sample.row for one in written], columns, gone)


def answered(wanted: Sequence[Sample], replies: Sequence[Reply | Unanswered]) -> None:
    """Raise Unanswered where a record has no reply to any of its requests."""
    heard = {sample.row for sample, reply in zip(wanted, replies, strict=True) if isinstance(reply, Reply)}
    for sample, reply in zip(wanted, replies, strict=True):
        if isinstance(reply, Unanswered) and sample.row not in heard:
            raise reply


def wrong_with(reply: Reply | Unanswered) -> str:
    """What a reply without a sample is counted as."""
    if isinstance(reply, Unanswered):
        return "unanswered"
    return "broken-off" if reply.finish == "length" else "unreadable"


def alike(text: str, others: Sequence[str]) -> float:
    """The highest cosine of a text's character 3-grams with those of others."""
    among = features([text, *others]).among(range(len(others) + 1))
    return float(among[0, 1:].max())


def exchange(question: str, answer: str) -> list[dict[str, str]]:
    """A question and its answer as messages."""
    return [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]
