"""The score keeps its contract, and orders texts as it says."""

# ruff: noqa: S101
import pyarrow as pa

from finery.testing import conformance
from finery_registry.templates.score import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_a_text_that_repeats_itself_is_poorer() -> None:
    batch = pa.table({"text": ["the sea the sea the sea", "the sea holds many ships today", "", None]})
    plain, rich, *none = Starter().score(batch)["richness"].to_pylist()
    assert plain < rich
    assert none == [None, None]
