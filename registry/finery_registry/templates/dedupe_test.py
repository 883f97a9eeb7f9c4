"""The dedupe keeps its contract, and joins what it says."""

# ruff: noqa: S101
import pyarrow as pa

from finery.testing import conformance
from finery_registry.templates.dedupe import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_documents_that_open_alike_are_candidates_and_the_alike_are_joined() -> None:
    batch = pa.table({"text": ["One two three four.", "one two, three five", "other words"]})
    first, second, other = Starter(opening=3).dedupe(batch).to_pylist()
    assert first == second != other
    left, right = batch.take([0, 0]), batch.take([0, 1])
    assert Starter(similarity=0.7).same(left, right).to_pylist() == [1.0, None]
