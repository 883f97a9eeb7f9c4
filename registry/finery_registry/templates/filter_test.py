"""The filter keeps its contract, and drops what it says."""

# ruff: noqa: S101
import pyarrow as pa

from finery.testing import conformance
from finery_registry.templates.filter import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_a_list_of_addresses_goes_and_prose_stays() -> None:
    batch = pa.table(
        {"text": ["https://a.example/1 https://b.example/2", "See www.c.example for the long story.", None]}
    )
    reasons = Starter(maximum=0.5).filter(batch)
    assert reasons.code.to_pylist() == ["mostly-addresses", None, None]
