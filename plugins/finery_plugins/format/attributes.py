"""The format `attributes`: what a table knows of a record's user, told in the record."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from finery import Batch, DataError, File, PipelineError, State, Tally, UsageError, did_you_mean, hookimpl, plugin
from finery_plugins.format.ranked import put
from finery_plugins.format.template import PLACE
from finery_plugins.format.turns import keys, replaced, roles, turn_column, turns_of
from finery_plugins.text.content import column_of, listed, one_chunk, plain

Name = Annotated[str, Field(min_length=1)]
OPENINGS = ("instruction", "prompt", "text")
"""The columns that a record without turns begins in."""

READERS = (".csv", ".tsv", ".jsonl", ".ndjson", ".parquet")


@plugin
class Attributes:
    """Join what a table knows of a user (age, gender, region) into the records of that user.

    The row whose `key` equals the record's is put into words by a template, and those before what the user says first,
    into the system message, or nowhere: `into = "columns"` adds columns alone. Keys are compared as text. A record
    without a row stays as it is; the tally `unknown-users` counts those. The table is read once and kept with the run.

    ```toml
    [[stage]]
    format = "attributes"
    table = "users.csv"
    key = "user"
    template = "The user is {age} years old and lives in {region}."
    into = "system"
    ```
    """

    table: File
    """A file of one row a user: `.csv`, `.tsv`, `.jsonl` or `.parquet`."""

    key: Name
    """The column of the table that names the user."""

    on: Name | None = None
    """The column of the records that names the user; by default it is called as in the table."""

    columns: list[Name] = Field(default_factory=list)
    """The attributes to join; by default those that the template names, or all."""

    template: str = ""
    """The attributes in words, each in braces. By default one line of `name: value`, unknown ones left out."""

    unknown: str = "unknown"
    """What stands in the template for an attribute that is empty."""

    into: Literal["start", "system", "columns"] = "start"
    """Before what the user says first (`messages`, `instruction`, `prompt`, `text`), at the end of the system message
    (of `messages`; else the column `system`), or in columns named for the attributes, as text."""

    separator: str = "\n"
    """What stands between the words and the text that was there."""

    @model_validator(mode="after")
    def the_table_can_be_read(self) -> Attributes:
        """Raise ValueError for a file of unknown kind."""
        if Path(self.table).suffix.lower() not in READERS:
            raise ValueError(f"table = '{self.table}': takes {', '.join(READERS)}")
        return self

    @hookimpl
    def prepare(self) -> State:
        """The key and the attributes of each user, as text. Raises UsageError or DataError for a bad table."""
        place = f"table '{self.table}'"
        if not Path(self.table).is_file():
            raise UsageError.at(place, "there is no such file", "give its path in full")
        found = read(Path(self.table))
        wanted = (
            self.columns
            or sorted(set(PLACE.findall(self.template)))
            or [n for n in found.column_names if n != self.key]
        )
        for name in (self.key, *wanted):
            if name not in found.column_names:
                near = did_you_mean(name, found.column_names)
                raise UsageError.at(place, f"has no column '{name}'{near}", f"it has {listed(found.column_names)}")
        texts = pa.table({name: trimmed(found.column(name)) for name in dict.fromkeys((self.key, *wanted))})
        known = texts.filter(texts.column(self.key).is_valid())
        if repeated := twice(known.column(self.key)):
            raise DataError.at(place, f"has several rows for '{repeated}'", f"make '{self.key}' unique")
        return known

    @hookimpl
    def format(self, batch: Batch, state: State, tally: Tally) -> Batch:
        """The same records with the attributes of their users. Raises PipelineError where they have no place."""
        users = plain(one_chunk(column_of(batch, self.on or self.key)))
        rows = pc.index_in(users, value_set=one_chunk(state.column(self.key)), skip_nulls=True)
        if rows.null_count:
            tally["unknown-users"] += rows.null_count
        joined = state.drop_columns([self.key]).take(rows)
        if self.into == "columns":
            return self.beside(batch, joined)
        words = [
            None if row is None else self.words(said)
            for row, said in zip(rows.to_pylist(), joined.to_pylist(), strict=True)
        ]
        name = turn_column(batch)
        if name is not None:
            return replaced(batch, name, self.spoken(turns_of(batch, name), words))
        return self.opened(batch, words)

    def beside(self, batch: Batch, joined: pa.Table) -> Batch:
        """The batch with the attributes as columns. Raises PipelineError for one that it has already."""
        for name in joined.column_names:
            if name in batch.column_names:
                fault = f"the records have a column '{name}' already"
                raise PipelineError.at('into = "columns"', fault, "leave it out of columns = [...]")
            batch = batch.append_column(name, joined.column(name))
        return batch

    def words(self, row: Mapping[str, str | None]) -> str:
        """One user's attributes in words."""
        if not self.template:
            return "; ".join(f"{name}: {value}" for name, value in row.items() if value)
        return PLACE.sub(lambda found: (row[found[1]] or self.unknown) if found[1] in row else found[0], self.template)

    def opened(self, batch: Batch, words: Sequence[str | None]) -> Batch:
        """The records with the words before their text, or in the column `system`."""
        if self.into == "system":
            before = (
                one_chunk(batch.column("system")).to_pylist() if "system" in batch.column_names else [None] * len(batch)
            )
            pairs = zip(before, words, strict=True)
            return put(batch, "system", pa.array([self.joined(old, new) for old, new in pairs], pa.large_string()))
        name = next((name for name in OPENINGS if name in batch.column_names), None)
        if name is None:
            fault = f"finds no text to put words before in {listed(batch.column_names)}"
            raise PipelineError.at(
                "'attributes'", fault, 'take into = "columns", or name the sources with only = [...]'
            )
        pairs = zip(words, one_chunk(batch.column(name)).to_pylist(), strict=True)
        return put(
            batch, name, pa.array([old if not new else self.joined(new, old) for new, old in pairs], pa.large_string())
        )

    def joined(self, first: str | None, second: str | None) -> str | None:
        """Two texts as one; the other where one is nothing."""
        return self.separator.join([first, second]) if first and second else first or second

    def spoken(self, column: pa.Array, words: Sequence[str | None]) -> pa.Array:
        """Dialogues with the words in the system message, or before the first turn of the user."""
        who, what = keys(column.type.value_type)
        speakers = iter(roles(column.flatten()))
        rows = []
        for turns, said in zip(column.to_pylist(), words, strict=True):
            usual = [next(speakers) for _ in turns or ()]
            rows.append(self.told(turns, usual, said, (str(who), str(what))) if turns and said else turns)
        return pa.array(rows, column.type)

    def told(
        self, turns: list[dict[str, Any]], usual: Sequence[str], words: str, names: tuple[str, str]
    ) -> list[dict[str, Any]]:
        """One dialogue with the words in it."""
        who, what = names
        role = "system" if self.into == "system" else "user"
        if role not in usual:
            return [{who: "system", what: words}, *turns] if role == "system" else turns
        at = usual.index(role)
        old = turns[at][what]
        text = self.joined(old, words) if role == "system" else self.joined(words, old)
        return [*turns[:at], {**turns[at], what: text}, *turns[at + 1 :]]


def read(file: Path) -> pa.Table:
    """A table from a file, all cells of CSV as text. Raises DataError for one that cannot be read."""
    from pyarrow import csv, json, parquet

    kind = file.suffix.lower()
    try:
        if kind == ".parquet":
            return parquet.read_table(file)
        if kind in (".jsonl", ".ndjson"):
            return json.read_json(file)
        parsing = csv.ParseOptions(delimiter="\t" if kind == ".tsv" else ",")
        with csv.open_csv(file, parse_options=parsing) as opened:
            names = opened.schema.names
        as_text = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.large_string()))
        return csv.read_csv(file, parse_options=parsing, convert_options=as_text)
    except pa.ArrowException as error:
        first = re.sub(r"\s+", " ", str(error))[:200]
        raise DataError.at(f"table '{file}'", f"cannot be read: {first}", "mend the file") from error


def trimmed(column: pa.ChunkedArray) -> pa.Array:
    """`large_string` (n,): a column as text without white space around it, empty as null."""
    texts = pc.utf8_trim_whitespace(plain(one_chunk(column)))
    return pc.if_else(pc.equal(texts, ""), pa.scalar(None, pa.large_string()), texts)


def twice(column: pa.ChunkedArray) -> str | None:
    """A value that stands in a column more than once, if one does."""
    for one in column.value_counts().to_pylist():
        if one["counts"] > 1:
            return str(one["values"])
    return None
