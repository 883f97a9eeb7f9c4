"""The format keeps its contract, and cuts what it says."""

# ruff: noqa: S101
import pyarrow as pa

from finery import Tally
from finery.testing import conformance
from finery_registry.templates.format import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_a_signature_is_cut_and_counted() -> None:
    tally = Tally()
    batch = pa.table({"text": pa.array(["Dear all.\n--\nJo", "a -- b", None], pa.large_string())})
    texts = Starter().format(batch, tally)["text"].to_pylist()
    assert texts == ["Dear all.\n", "a -- b", None]
    assert tally == {"signatures": 1}
