"""Answers laid out so that two of them can be compared: for each column, the printed value of each record."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeAlias

import pyarrow as pa

from finery.testing.answers import codes
from finery.types import Draw, Reasons

Rows: TypeAlias = dict[str, list[str]]
"""Values as `repr` prints them: exact for floats, equal for two NaNs, the same in another process."""

SHOWN = 60  # characters of a value in a message


def rows_of(verb: str, given: Any, answer: Any, reference: Any = None) -> Rows:
    """An answer's rows, in the order in which `reference` (the batch itself, when None) lists the records.

    A record that was born stands where its first parent does, and among siblings where the answer has it.
    """
    if verb == "mix":
        return mix_rows(answer)
    columns, owners = laid_out(verb, given, answer)
    ids = (given if reference is None else reference)["id"].to_pylist()
    place = {one: i for i, one in enumerate(ids)}
    order = sorted(range(len(owners)), key=lambda i: place[owners[i]])
    return {name: [repr(values[i]) for i in order] for name, values in columns.items()}


def mix_rows(answer: Any) -> Rows:
    """Epochs as one row a source, or a value of the column it is drawn by, sorted by name."""
    draw = answer if isinstance(answer, Draw) else Draw(answer)
    amounts = sorted((name, *part) for name, said in draw.epochs.items() for part in parts(said))
    return {
        "source": [name for name, _, _ in amounts],
        "value": [value for _, value, _ in amounts],
        "epochs": [repr(float(amount)) for _, _, amount in amounts],
        "how": [repr((draw.unit, draw.by, draw.weight))] * len(amounts),
    }


def parts(said: float | Mapping[str, float]) -> list[tuple[str, float]]:
    """What is said of a source, by values of a column or as a whole."""
    return list(said.items()) if isinstance(said, Mapping) else [("", said)]


def laid_out(verb: str, batch: pa.Table, answer: Any) -> tuple[dict[str, list[Any]], list[Any]]:
    """The columns of an answer, and the record that each row belongs to."""
    ids = batch["id"].to_pylist()
    if verb == "filter":
        return reasons(answer), ids
    if verb == "score":
        return {name: column.to_pylist() for name, column in answer.items()}, ids
    if verb == "dedupe":
        return {"keys": answer.to_pylist()}, ids
    columns = {name: answer[name].to_pylist() for name in answer.column_names}
    return columns, [first(parent) for parent in columns["parent"]] if "parent" in columns else ids


def first(parent: Any) -> Any:
    """The parent, or the first of several."""
    return parent[0] if isinstance(parent, list) else parent


def reasons(answer: Any) -> dict[str, list[Any]]:
    """Codes, with what was measured of the records that go: of those that stay it is not kept."""
    listed = codes(answer).to_pylist()
    columns = {"code": listed}
    if isinstance(answer, Reasons):
        parts = {"value": answer.value, "bound": answer.bound, "detail": answer.detail}
        for name, part in parts.items():
            values = spread(part, len(listed))
            columns[name] = [value if code else None for value, code in zip(values, listed, strict=True)]
    return columns


def spread(part: Any, length: int) -> list[Any]:
    """An array's values, or one number for all."""
    return part.to_pylist() if isinstance(part, pa.Array | pa.ChunkedArray) else [part] * length


def joined(parts: Sequence[Rows]) -> Rows:
    """Rows one behind the other."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: [value for part in parts for value in part.get(name, [])] for name in names}


def differences(before: Rows, after: Rows) -> Iterator[str]:
    """Where two answers differ first: in their columns, in how many rows they have, or in a row."""
    if set(before) != set(after):
        yield f"columns {', '.join(sorted(before))} became {', '.join(sorted(after))}"
        return
    for name, values in before.items():
        if len(values) != len(after[name]):
            yield f"{len(values)} rows became {len(after[name])}"
            return
        for i, (old, new) in enumerate(zip(values, after[name], strict=True)):
            if old != new:
                yield f"record {i}: {name} {old[:SHOWN]} became {new[:SHOWN]}"
                return
