"""What is wrong with an answer: validators over what a hook was given and what it gave back."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as is_type

from finery.types import Draw, Reasons, Source

Complaint: TypeAlias = tuple[str, str]
"""What is wrong, and how to mend it."""

Validator: TypeAlias = Callable[[Any, Any], Iterator[Complaint]]
"""Takes what the hook was given (a batch, or a mix's sources) and its answer."""

CODE = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
LONGEST_CODE = 40  # characters: a code is a column heading in every report


def filter_type(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """A filter answers reasons: strings, or `Reasons` whose parts have the types that its fields say."""
    code = codes(answer)
    if not is_array(code):
        remedy = "answer a pa.Array of strings, null for each record that stays, or finery.Reasons"
        yield f"answered {kind(code)}", remedy
        return
    if not is_text(code.type) and not is_type.is_null(code.type):
        yield f"answered codes of type {code.type}", "give a word as the code, null where the record stays"
    if isinstance(answer, Reasons):
        yield from measured(answer)


def measured(reasons: Reasons) -> Iterator[Complaint]:
    """The value is `float64`, the bound too or one number, the detail a string."""
    if reasons.value is not None and not has_type(reasons.value, is_type.is_float64):
        yield f"answered values of {described(reasons.value)}", "cast the value to pa.float64()"
    number = isinstance(reasons.bound, int | float) and not isinstance(reasons.bound, bool)
    if not (reasons.bound is None or number or has_type(reasons.bound, is_type.is_float64)):
        yield f"answered a bound of {described(reasons.bound)}", "give a number, or an array of pa.float64()"
    if reasons.detail is not None and not has_type(reasons.detail, is_text):
        yield f"answered details of {described(reasons.detail)}", "give an array of strings"


def score_type(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """A score answers a mapping from column names to arrays."""
    if not isinstance(answer, Mapping):
        yield f"answered {kind(answer)}", 'answer a dict of columns: {"words": pa.array(counts)}'
        return
    for name, column in answer.items():
        if not isinstance(name, str) or not is_array(column):
            yield f"answered {kind(column)} as column {name!r}", "give a pa.Array under a string"


def dedupe_type(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """Keys are integers, strings, bytes or UUIDs, or lists of them."""
    if not is_array(answer):
        yield f"answered {kind(answer)}", "answer a pa.Array of keys, one or a list a record"
    elif not is_key(answer.type.value_type if is_list(answer.type) else answer.type):
        yield f"answered keys of type {answer.type}", "give integers, strings, bytes, UUIDs or lists of them"


def format_type(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """A format answers a table."""
    if not isinstance(answer, pa.Table):
        yield f"answered {kind(answer)}", "answer a pa.Table, such as batch.set_column(...)"


def mix_type(_sources: Sequence[Source], answer: Any) -> Iterator[Complaint]:
    """A mix answers epochs by source, as a mapping or a `Draw`."""
    if not isinstance(epochs(answer), Mapping):
        yield f"answered {kind(answer)}", 'answer {"name of source": epochs} or finery.Draw'


def filter_length(batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """A reason a record; value, bound and detail as many."""
    parts = {"codes": codes(answer)}
    if isinstance(answer, Reasons):
        parts |= {"values": answer.value, "bounds": answer.bound, "details": answer.detail}
    yield from lengths(batch, {name: part for name, part in parts.items() if is_array(part)})


def score_length(batch: pa.Table, answer: Mapping[str, pa.Array]) -> Iterator[Complaint]:
    """A value a record in each column."""
    yield from lengths(batch, {f"values in column '{name}'": column for name, column in answer.items()})


def dedupe_length(batch: pa.Table, answer: pa.Array) -> Iterator[Complaint]:
    """A key, or a list of keys, a record."""
    yield from lengths(batch, {"keys": answer})


def lengths(batch: pa.Table, parts: Mapping[str, pa.Array]) -> Iterator[Complaint]:
    """Each part is as long as the batch."""
    for name, part in parts.items():
        if len(part) != len(batch):
            remedy = "give one a record, null where there is none"
            yield f"answered {len(part)} {name} for {len(batch)} records", remedy


def reason_codes(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """Codes are short kebab-case words, because reports and SQL group by them."""
    for code in sorted(set(codes(answer).to_pylist()) - {None}):
        if not CODE.fullmatch(code) or len(code) > LONGEST_CODE:
            remedy = "use a short word such as 'few-letters'; numbers belong in value, prose in detail"
            yield f"answered the reason {code[:60]!r}", remedy


def reason_values(_batch: pa.Table, answer: Any) -> Iterator[Complaint]:
    """What is measured of a record that goes is a finite number, or null where nothing was measured."""
    if not isinstance(answer, Reasons):
        return
    for name, part in (("value", answer.value), ("bound", answer.bound)):
        array = pa.array([part], pa.float64()) if isinstance(part, int | float) else part
        going = pc.is_valid(answer.code) if is_array(part) else pa.array([True])
        if array is not None and not all(map(finite, array.filter(going).to_pylist())):
            yield f"answered a {name} that is not finite", "answer the number that was compared, or null"


def finite(value: float | None) -> bool:
    """Whether a measure is absent or a number."""
    return value is None or math.isfinite(value)


def score_columns(batch: pa.Table, answer: Mapping[str, pa.Array]) -> Iterator[Complaint]:
    """A score adds columns and takes none away."""
    for name in sorted(set(answer) & set(batch.column_names)):
        yield f"answered a column '{name}', which the records have already", "choose a name of its own"


def records_again(batch: pa.Table, answer: pa.Table) -> Iterator[Complaint]:
    """Without `parent`, the same ids in the same order."""
    if "parent" in answer.column_names:
        return
    if "id" not in answer.column_names:
        yield "answered records without `id` or `parent`", "keep `id`, or name the `parent` of each record"
    elif answer["id"].to_pylist() != batch["id"].to_pylist():
        remedy = "keep every record in its place, or add a `parent` column"
        yield "answered other records, or in another order", remedy


def parents(batch: pa.Table, answer: pa.Table) -> Iterator[Complaint]:
    """With `parent`, each record names records of this batch and leaves its own `id` to the kernel."""
    if "parent" not in answer.column_names:
        return
    if "id" in answer.column_names:
        yield "answered both `id` and `parent`", "drop `id`: the kernel makes new ids from the parents"
    known = set(batch["id"].to_pylist())
    for parent in answer["parent"].to_pylist():
        named = parent if isinstance(parent, list) else [parent]
        if not named or not set(named) <= known:
            yield f"answered a record with the parent {parent}", "name one or more of the batch's ids"
            return


def text_types(_batch: pa.Table, answer: pa.Table) -> Iterator[Complaint]:
    """Text is `large_string`, nested or not: 32-bit offsets overflow at 2 GiB when batches are joined."""
    for field in answer.schema:
        if holds_small_text(field.type):
            remedy = "cast to pa.large_string(), inside lists and structs too"
            yield f"answered the column '{field.name}' as {field.type}", remedy


def mix_epochs(sources: Sequence[Source], answer: Any) -> Iterator[Complaint]:
    """Epochs are finite, not negative, of sources that are there, in a unit that each of them has."""
    known = {source.name: source for source in sources}
    for name, said in epochs(answer).items():
        if name not in known:
            yield f"answered epochs of '{name}', which is not a source", "answer for the sources given"
        for amount in said.values() if isinstance(said, Mapping) else [said]:
            if not isinstance(amount, int | float) or not math.isfinite(amount) or amount < 0:
                yield f"answered {amount!r} epochs of '{name}'", "answer a finite number, 0 for none"
        if isinstance(said, Mapping) and getattr(answer, "by", None) is None:
            yield f"answered epochs of '{name}' by values of no column", "name the column: Draw(..., by='label')"
    if isinstance(answer, Draw) and not all(unit_known(source, answer.unit) for source in sources):
        yield f"answered epochs in '{answer.unit}'", "measure in `records`, `characters` or a numeric column"


def unit_known(source: Source, unit: str) -> bool:
    """Whether a source can be measured in a unit."""
    return unit == "records" or unit in source.totals


def codes(answer: Any) -> Any:
    """The codes of a filter's answer."""
    return answer.code if isinstance(answer, Reasons) else answer


def epochs(answer: Any) -> Any:
    """The epochs of a mix's answer."""
    return answer.epochs if isinstance(answer, Draw) else answer


def kind(value: object) -> str:
    """How a reader would call a value's type."""
    return f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")


def described(value: Any) -> str:
    """The Arrow type of an array, else the Python type."""
    return f"type {value.type}" if is_array(value) else f"type {kind(value)}"


def is_array(value: object) -> bool:
    """Whether a value is Arrow's."""
    return isinstance(value, pa.Array | pa.ChunkedArray)


def has_type(value: Any, wanted: Callable[[Any], bool]) -> bool:
    """Whether a value is an array of a wanted type, or of nulls only."""
    return is_array(value) and (wanted(value.type) or is_type.is_null(value.type))


def is_text(arrow: Any) -> bool:
    """Whether a type is text, with a dictionary or without."""
    plain = arrow.value_type if is_type.is_dictionary(arrow) else arrow
    return bool(is_type.is_string(plain) or is_type.is_large_string(plain))


def is_list(arrow: Any) -> bool:
    """Whether a type is a list, of whichever layout."""
    return bool(is_type.is_list(arrow) or is_type.is_large_list(arrow) or is_type.is_fixed_size_list(arrow))


def is_key(arrow: Any) -> bool:
    """Whether values of a type can be compared for equality on every machine; floats cannot."""
    binary = is_type.is_binary(arrow) or is_type.is_large_binary(arrow) or is_type.is_fixed_size_binary(arrow)
    plain_text = is_type.is_string(arrow) or is_type.is_large_string(arrow)
    whole = is_type.is_integer(arrow) or is_type.is_null(arrow) or arrow == pa.uuid()
    return bool(whole or plain_text or binary)


def holds_small_text(arrow: Any) -> bool:
    """Whether `string` stands anywhere in a type, outside dictionaries."""
    if is_type.is_struct(arrow):
        return any(holds_small_text(field.type) for field in arrow)
    if is_list(arrow):
        return holds_small_text(arrow.value_type)
    return bool(is_type.is_string(arrow))


TYPES: Mapping[str, Validator] = {
    "filter": filter_type, "score": score_type, "dedupe": dedupe_type, "format": format_type, "mix": mix_type,
}  # fmt: skip
LENGTHS: Mapping[str, Validator] = {
    "filter": filter_length, "score": score_length, "dedupe": dedupe_length,
}  # fmt: skip


def unusable(verb: str, given: Any, answer: Any) -> tuple[Complaint, ...]:
    """What keeps an answer from being read at all: its type, its length, records that are not there."""
    wrong = tuple(TYPES[verb](given, answer))
    if wrong or verb == "mix":
        return wrong
    if verb == "format":
        return (*records_again(given, answer), *parents(given, answer))
    return tuple(LENGTHS[verb](given, answer))
