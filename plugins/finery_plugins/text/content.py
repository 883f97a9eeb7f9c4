"""The text of a record, whatever its shape: where it stands, read as one string, rewritten in place."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import pyarrow as pa
import pyarrow.compute as pc

from finery import Batch, Memo, PipelineError, did_you_mean

SHAPES = (
    ("text",),
    ("messages",),
    ("conversations",),
    ("conversation",),
    ("instruction", "input", "output", "history"),
    ("prompt", "completion", "response", "chosen", "rejected"),
)
"""The columns that hold text, by shape; a record has the first shape whose first column it has."""

SPOKEN = ("content", "value", "text")
"""The field of a turn that holds what was said; the others (`role`, `from`, `type`) say who or how."""

NEWLINE = pa.scalar("\n", pa.large_string())
EMPTY = pa.scalar("", pa.large_string())


class Keep(Protocol):
    """What plugins share of a text: `make()`, or what another made of the same text under the same name."""

    def __call__(self, name: str, make: Callable[[], pa.Array], /) -> pa.Array:
        """One value a record."""


def worked_out(_: str, make: Callable[[], pa.Array]) -> pa.Array:
    """`make()`, for texts of which nothing is shared."""
    return make()


@dataclass(frozen=True)
class Text:
    """The text of each record, and what the plugins of a pass share of it."""

    array: pa.Array
    """`large_string` (n,) without nulls."""
    keep: Keep


def text(batch: Batch, column: str | None, memo: Memo) -> Text:
    """The text of a batch as in `contents`; nothing is shared where it stands in several columns."""
    names = [column] if column else text_columns(batch)
    if len(names) > 1:
        return Text(contents(batch, column), worked_out)

    def keep(name: str, make: Callable[[], pa.Array]) -> pa.Array:
        return memo(names[0], name, make)

    held = column_of(batch, names[0]).type
    # A column of strings is read as it lies; a copy in the memo would only cost memory.
    read = functools.partial(contents, batch, names[0])
    return Text(read() if is_text(held) else keep("finery.text", read), keep)


def contents(batch: Batch, column: str | None = None) -> pa.Array:
    """`large_string` (n,) without nulls: the text of each record, parts joined by a newline, null as empty.

    `column` names the one to read; otherwise the shape decides. Raises PipelineError where there is no such
    column.
    """
    names = [column] if column else text_columns(batch)
    if len(names) == 1:
        return filled(plain(one_chunk(column_of(batch, names[0]))))
    return joined([contents(batch, name) for name in names])


def joined(parts: Sequence[pa.Array]) -> pa.Array:
    """`large_string` (n,): the parts of each record joined by newlines, null and empty ones left out."""
    return functools.reduce(joined_pair, map(filled, parts))


def joined_pair(left: pa.Array, right: pa.Array) -> pa.Array:
    """Two texts as one. Arrow's `null_handling="skip"` loses rows of which all parts are null (pyarrow 26)."""
    both = pc.binary_join_element_wise(left, right, NEWLINE)
    either = pc.if_else(pc.equal(right, EMPTY), left, both)
    return pc.if_else(pc.equal(left, EMPTY), right, either)


def text_columns(batch: Batch) -> list[str]:
    """The columns of a batch that hold its text. Raises PipelineError for a shape without text."""
    present = set(batch.column_names)
    shape = next((shape for shape in SHAPES if shape[0] in present), None)
    if shape is None:
        raise no_text(batch)
    return [name for name in shape if name in present]


def column_of(batch: Batch, name: str) -> pa.ChunkedArray:
    """A column by name. Raises PipelineError that names the columns there are."""
    if name in batch.column_names:
        return batch.column(name)
    fault = f"has no column '{name}'{did_you_mean(name, batch.column_names)}"
    raise PipelineError.at(place(batch), fault, f"it has {listed(batch.column_names)}")


def text_column(batch: Batch, column: str) -> pa.Array:
    """`large_string` (n,) without nulls: one column of text. Raises PipelineError where there is none of that name."""
    found = one_chunk(column_of(batch, column))
    if pa.types.is_dictionary(found.type):
        found = found.dictionary_decode()
    if not is_text(found.type) and not pa.types.is_null(found.type):
        remedy = "name another with column =, or leave the source out with only ="
        raise PipelineError.at(place(batch), f"column '{column}' is {found.type}, not text", remedy)
    return filled(found.cast(pa.large_string()))


def no_text(batch: Batch) -> Exception:
    """The error for a batch none of whose columns is known to hold text."""
    fault = f"has no text that Finery knows among {listed(batch.column_names)}"
    return PipelineError.at(place(batch), fault, "name a column, or map one to text where the source is read")


def place(batch: Batch) -> str:
    """The source of a batch, for errors."""
    name = source_name(batch)
    return "batch" if name is None else f"source '{name}'"


def source_name(batch: Batch) -> str | None:
    """The one source of a batch; None where the batch is empty or does not say."""
    if not len(batch) or "source" not in batch.column_names:
        return None
    name: str | None = batch.column("source")[0].as_py()
    return name


def listed(names: Sequence[str]) -> str:
    """Names for a reader."""
    return ", ".join(f"'{name}'" for name in names)


def one_chunk(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """A column as one array."""
    if not isinstance(column, pa.ChunkedArray):
        return column
    if column.num_chunks == 1:
        return column.chunk(0)
    return column.combine_chunks() if column.num_chunks else pa.array([], column.type)


def filled(texts: pa.Array) -> pa.Array:
    """The same texts, null as empty."""
    return texts.fill_null("") if texts.null_count else texts


def plain(array: pa.Array) -> pa.Array:
    """`large_string` (n,): strings as they are, lists joined by newlines, of a turn what was said."""
    kind = array.type
    if pa.types.is_dictionary(kind):
        return plain(array.dictionary_decode())
    if is_list(kind):
        values = filled(plain(inner(array)))
        lists = pa.LargeListArray.from_arrays(starts(array), values, mask=array.is_null())
        return pc.binary_join(lists, NEWLINE)
    if pa.types.is_struct(kind):
        return said(array)
    return array.cast(pa.large_string())


def said(turns: pa.Array) -> pa.Array:
    """`large_string` (n,): what was said in each turn; all fields of a struct that is no turn."""
    parts = [plain(turns.field(index)) for index in spoken(turns.type)]
    if not parts:
        return pa.nulls(len(turns), pa.large_string())
    return pc.if_else(turns.is_valid(), joined(parts), pa.scalar(None, pa.large_string()))


def spoken(kind: pa.StructType) -> list[int]:
    """The fields of a struct that hold text to read."""
    names = [field.name for field in kind]
    turn = [names.index(name) for name in SPOKEN if name in names][:1]
    return turn or list(range(len(names)))


def rewritten(array: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The array with `change` (`large_string` to `large_string`) applied to all its text, type and nulls
    kept.

    It is the same object where `change` returns what it was given.
    """
    kind = array.type
    if is_list(kind):
        return rewritten_list(array, change)
    if pa.types.is_struct(kind):
        return rewritten_struct(array, change)
    if not is_text(kind):
        return array
    before = array.cast(pa.large_string())
    after = change(before)
    return array if after is before else after.cast(kind)


def rewritten_list(array: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A list array with its items rewritten."""
    before = inner(array)
    after = rewritten(before, change)
    if after is before:
        return array
    large = pa.types.is_large_list(array.type)
    whole = pa.LargeListArray if large else pa.ListArray
    offsets = starts(array).cast(pa.int64() if large else pa.int32())
    return whole.from_arrays(offsets, after, type=array.type, mask=array.is_null())


def rewritten_struct(array: pa.Array, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """A struct array with the fields that hold text rewritten."""
    before = [array.field(index) for index in range(array.type.num_fields)]
    heard = set(spoken(array.type))
    after = [rewritten(part, change) if index in heard else part for index, part in enumerate(before)]
    if all(new is old for new, old in zip(after, before, strict=True)):
        return array
    return pa.StructArray.from_arrays(after, fields=list(array.type), mask=array.is_null())


def inner(array: pa.Array) -> pa.Array:
    """The items of a list array, those of this slice only."""
    if not len(array):
        return array.values[:0]
    first, last = array.offsets[0].as_py(), array.offsets[-1].as_py()
    return array.values[first:last]


def starts(array: pa.Array) -> pa.Array:
    """`int64` (n + 1,): where each list starts among its slice's items."""
    if not len(array):
        return pa.array([0], pa.int64())
    offsets = array.offsets.cast(pa.int64())
    return pc.subtract(offsets, offsets[0])


def is_list(kind: pa.DataType) -> bool:
    """Whether values are lists of any length."""
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind))


def is_text(kind: pa.DataType) -> bool:
    """Whether values are strings."""
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind))
