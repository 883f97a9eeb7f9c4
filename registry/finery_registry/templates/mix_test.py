"""The mix keeps its contract, and draws what it says."""

# ruff: noqa: S101

from finery import Source
from finery.testing import conformance
from finery_registry.templates.mix import Starter

test_it_keeps_the_contract = conformance(Starter())


def test_a_large_source_is_cut_and_a_small_one_is_whole() -> None:
    draw = Starter(most=100).mix([Source("large", 1000), Source("small", 10), Source("none", 0)])
    assert draw.epochs == {"large": 0.1, "small": 1.0, "none": 1.0}
