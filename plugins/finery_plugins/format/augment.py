"""The format `augment`: copies of records with typos, other words, moved sentences, or translated there and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, File, ModelName, PipelineError, Stage, State, Tally, hookimpl, plugin
from finery_plugins.format.critique import filled, spoken, user
from finery_plugins.format.exchanges import Exchanges, texts
from finery_plugins.format.noise import loosened, mistaken, mistyped, reordered
from finery_plugins.format.rewriting import changed, columns_with
from finery_plugins.format.synonyms import Table, pattern, read_table, replaced, shipped
from finery_plugins.generate.chats import opened
from finery_plugins.generate.children import children, provenance
from finery_plugins.generate.draws import Draws, draws
from finery_plugins.generate.kept import Reply
from finery_plugins.generate.options import AnswersOption, Name, Rate, Sampling, SamplingOption, Server
from finery_plugins.text.content import column_of

TRANSLATE = (
    "Translate the following text into {language}. Keep names, numbers, code and line breaks. Reply with the "
    "translation alone.\n\n{text}"
)
BACK = (
    "Translate the following text into the language of the example behind it. Keep names, numbers, code and line "
    "breaks. Reply with the translation alone.\n\n<text>\n{text}\n</text>\n\n<example>\n{example}\n</example>"
)
EXAMPLE = 80
"""Characters of the original that show the language to translate back into."""


class Copy(NamedTuple):
    """A record, or a copy of it."""

    row: int
    text: str | None
    """None for the record itself."""
    replies: list[Reply]


@plugin(batch=1024)
class Augment:
    """Add copies of each record that say the same with noise in them.

    What the user says is changed, or `text`, or `column`; answers stay. All chance is a hash of the record's id.
    `typos` hits a letter beside, doubles, drops or swaps it; `confusions` takes a Chinese character for one that sounds
    or looks alike; `punctuation` drops a mark, doubles it or writes it in the other width; `synonyms` puts another word
    from a table; `reorder` moves the sentences of a line; `back_translation` goes through another language by the
    models of `there` and `back`. The column `augmented` is true for copies, whose parent is the record; a copy that
    came out as the record, or as another copy of it, is left out and counted as `unchanged`.

    ```toml
    [[stage]]
    format = "augment"
    copies = 2
    typos = 0.03
    synonyms = 0.2
    back_translation = true
    there = { url = "http://localhost:8000/v1", model = "qwen3-32b" }
    through = "French"
    ```
    """

    copies: Annotated[int, Field(ge=1, le=100)] = 1
    """Copies of each record."""

    keep: bool = True
    """Whether the record itself stays beside them."""

    where: Name | None = None
    """A column of booleans: records that have no true there get no copies. `score = "listed"` leaves one, `vary`."""

    column: Name | None = None
    """The column of text to change; by default `text`, or the user's first question."""

    typos: Rate = 0.02
    """Slips for each letter of the Latin alphabet."""

    confusions: Rate = 0.02
    """Slips for each Chinese character that has others like it."""

    punctuation: Rate = 0.0
    """Slips for each punctuation mark."""

    synonyms: Rate = 0.0
    """Replacements for each word that the table has."""

    table: File | None = None
    """The user's synonyms, a line each: a word, a tab, others parted by commas. By default some hundred of ours, in
    English and Chinese."""

    reorder: Annotated[float, Field(ge=0, le=1)] = 0.0
    """The share of copies in which the sentences of each line are moved."""

    back_translation: bool = False
    """Whether copies are translated there and back, before any other change."""

    through: Name = "French"
    """The language to go through."""

    there: Server | None = None
    """The server that translates into it, as the option `server` of other plugins. Or name `there_local`."""

    there_local: ModelName | None = None
    """An earlier train stage, a model folder or a hub name that translates into it, run here."""

    back: Server | None = None
    """The server that translates back; by default as there."""

    back_local: ModelName | None = None
    """An earlier train stage, a model folder or a hub name that translates back, run here; by default as there."""

    sampling: SamplingOption = Field(default_factory=Sampling)
    answers: AnswersOption = None

    @model_validator(mode="after")
    def something_is_changed(self) -> Augment:
        """Raise ValueError where copies would be equal, or translation has no model or more than one."""
        if not any((self.typos, self.confusions, self.punctuation, self.synonyms, self.reorder, self.back_translation)):
            raise ValueError("nothing is changed: give one of typos, confusions, punctuation, synonyms, reorder a rate")
        if (self.there and self.there_local) or (self.back and self.back_local):
            raise ValueError("there and there_local exclude each other, and so do back and back_local")
        if self.back_translation and not (self.there or self.there_local):
            raise ValueError('back_translation needs there = { url = "...", model = "..." } or there_local = "folder"')
        return self

    @hookimpl
    def prepare(self) -> State:
        """The table of synonyms. Raises UsageError for one that cannot be read."""
        return {} if self.table is None else {word: list(others) for word, others in read_table(self.table).items()}

    @hookimpl
    def format(self, batch: Batch, state: State, stage: Stage, tally: Tally, out: Path) -> Batch:
        """The records and their copies. Raises Unanswered for a record, FineryError where the run has to stop."""
        column, told = self.told(batch)
        meant = self.meant(batch)
        told = [text if is_meant else "" for text, is_meant in zip(told, meant, strict=True)]
        copies = self.copied(batch, told, state or shipped(), stage, out)
        tally["unchanged"] += sum(meant) * self.copies - len(copies)
        own = [Copy(row, None, []) for row in range(len(batch)) if self.keep]
        made = sorted([*own, *copies], key=lambda one: one.row)
        rows, new = [one.row for one in made], [one.text for one in made]
        if column is None:
            columns = columns_with(batch, Exchanges.of(batch, "augment"), rows, new, [None] * len(made))
        else:
            columns = {column: changed(batch, column, rows, new)}
        columns["augmented"] = pa.array([one.text is not None for one in made], pa.bool_())
        if self.back_translation:
            columns |= provenance([one.replies for one in made])
        return children(batch, rows, columns)

    def told(self, batch: Batch) -> tuple[str | None, list[str]]:
        """The column of text to change, None for the questions of dialogues, and what each record says in it."""
        name = self.column or ("text" if "text" in batch.column_names else None)
        if name is None:
            pairs = Exchanges.of(batch, "augment")
            if pairs.turns:
                return None, pairs.questions
            name = pairs.column
        column_of(batch, name)
        return name, texts(batch, name)

    def meant(self, batch: Batch) -> list[bool]:
        """Whether each record is to have copies. Raises PipelineError for a column that says nothing of it."""
        if self.where is None or self.where not in batch.column_names:
            return [self.where is None] * len(batch)
        kind = batch[self.where].type
        if not pa.types.is_boolean(kind) and not pa.types.is_null(kind):
            raise PipelineError.at(f'where = "{self.where}"', f"the column is {kind}", "name a column of booleans")
        return [bool(value) for value in batch[self.where].to_pylist()]

    def copied(self, batch: Batch, told: Sequence[str], table: Table, stage: Stage, out: Path) -> list[Copy]:
        """The copies of all records that differ from them and from each other."""
        streams = [draws(batch, stage, number) for number in range(self.copies)]
        wanted = [(row, stream[row]) for row, text in enumerate(told) for stream in streams if text.strip()]
        started = (
            self.translated(told, wanted, out) if self.back_translation else [(told[row], []) for row, _ in wanted]
        )
        words, seen, found = pattern(table), set[tuple[int, str]](), list[Copy]()
        for (row, drawn), (text, replies) in zip(wanted, started, strict=True):
            noisy = self.noisy(text, drawn, table, words)
            if noisy.strip() and noisy != told[row] and (row, noisy) not in seen:
                seen.add((row, noisy))
                found.append(Copy(row, noisy, replies))
        return found

    def noisy(self, text: str, drawn: Draws, table: Table, words: re.Pattern[str]) -> str:
        """A text with what the options ask for; words before letters, so that a slip spoils no word of the table."""
        text = replaced(text, self.synonyms, drawn, table, words)
        if drawn.share() < self.reorder:
            text = reordered(text, drawn)
        text = loosened(text, self.punctuation, drawn)
        return mistaken(mistyped(text, self.typos, drawn), self.confusions, drawn)

    def translated(
        self, told: Sequence[str], wanted: Sequence[tuple[int, Draws]], out: Path
    ) -> list[tuple[str, list[Reply]]]:
        """Texts translated there and back, with the replies on the way."""
        there = opened(self.there, self.there_local, self.sampling, self.answers, out)
        back = there
        if self.back is not None or self.back_local is not None:
            back = opened(self.back, self.back_local, self.sampling, self.answers, out)

        def work(at: int) -> tuple[str, list[Reply]]:
            row, drawn = wanted[at]
            text = told[row]
            asked = filled(TRANSLATE, {"language": self.through, "text": text})
            foreign = there.whole([user(asked)], drawn.seed())
            returned = filled(BACK, {"text": spoken(foreign), "example": text[:EXAMPLE]})
            reply = back.whole([user(returned)], drawn.seed())
            return spoken(reply), [foreign, reply]

        return there.each(len(wanted), work)
