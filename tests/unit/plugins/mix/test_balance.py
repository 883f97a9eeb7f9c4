"""The mix `balance`: over-large labels are sampled, small ones kept."""

from __future__ import annotations

import pyarrow as pa
import pytest

from finery import PipelineError, Stage
from finery.testing import check
from finery.testing.dataset import MemoryDataset
from finery.testing.samples import sample
from finery_plugins.mix.balance import Balance

STAGE = Stage("balance", "mix", "balance", 17)


def labelled(*labels: str | None) -> pa.Table:
    """Records with these labels."""
    batch = sample("text").slice(0, len(labels))
    return batch.append_column("label", pa.array(labels, pa.large_string()))


def test_labels_over_the_limit_are_sampled_to_it_and_others_kept() -> None:
    dataset = MemoryDataset((labelled("a", "a", "a", "a", "b", None),))
    plugin = Balance(by="label", max_records=2)
    state = plugin.prepare(dataset=dataset)
    (source,) = dataset.sources
    assert state == {source: {"a": 4, "b": 1, "null": 1}}


def test_a_source_without_the_column_is_a_fault_that_names_what_there_is() -> None:
    with pytest.raises(PipelineError, match=r"no column 'lable' .did you mean 'label'"):
        Balance(by="lable").prepare(dataset=MemoryDataset((labelled("a"),)))


def test_it_keeps_the_contract() -> None:
    report = check(Balance(by="label", max_records=2), [labelled("a", "a", "a", "b", None)])
    assert [str(fault) for fault in report.faults] == []
