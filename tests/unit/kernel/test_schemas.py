"""One schema for the shards of a source."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from finery.data.shards import Shard
from finery.stages.schemas import alike, conformed, widened


def entry(types: dict[str, str], before: dict[str, str] | None = None, groups: Any = None) -> dict[str, Any]:
    """What a stage says of a shard of which it wrote some columns."""
    columns = {name: [["f/base", None], ["g/columns", groups]] for name in types}
    shard = Shard("s", "f/base", 3, 3, columns, types=before or {})
    return {"shard": shard.as_json(), "types": types}


def test_a_column_that_is_null_in_one_shard_is_read_in_the_type_of_the_others() -> None:
    first, second = alike([entry({"x": "null"}), entry({"x": "double"})])
    assert (first.types, second.types) == ({"x": "double"}, {"x": "double"})


def test_columns_of_one_type_need_no_word() -> None:
    assert [shard.types for shard in alike([entry({"x": "double"}), entry({"x": "double"})])] == [{}, {}]


@pytest.mark.parametrize(("groups", "kept"), [(None, {}), ([0], {"x": "large_string"})])
def test_what_was_said_before_is_void_where_a_column_was_written_as_a_whole(groups: Any, kept: dict[str, str]) -> None:
    (shard,) = alike([entry({"x": "int64"}, {"x": "large_string"}, groups)])
    assert shard.types == kept


def test_a_wider_schema_holds_all_columns_in_the_order_of_their_appearance() -> None:
    schemas = [pa.schema([("a", pa.int64()), ("b", pa.null())]), pa.schema([("c", pa.bool_()), ("a", pa.float64())])]
    wide = widened(schemas)
    assert wide == pa.schema([("a", pa.float64()), ("b", pa.null()), ("c", pa.bool_())])
    assert conformed(pa.table({"a": [1]}), wide).to_pylist() == [{"a": 1.0, "b": None, "c": None}]
