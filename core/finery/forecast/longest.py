"""The longest records that stand before a stage: what a probe is fed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from finery.demand import Demand
from finery.plan import Plan, Step
from finery.stages.amounts import characters
from finery.stages.standing import Some, before

STEPS = 3
FEWEST = 64
"""Records, so that pre-flight and split have some to look at."""


def longest(plan: Plan, step: Step, demand: Demand) -> Any:
    """The longest records, enough for a few steps. Raises UsageError where the stages before have not run."""
    dataset = before(plan, step)
    wanted = max(FEWEST, 2 * STEPS * demand.rows * demand.accumulate)
    sizes, ids = [], []
    for batch in dataset.batches():
        columns = [batch.column(name) for name in batch.column_names[2:]]
        sizes.append(np.sum([characters(column) for column in columns], axis=0))
        ids.append(batch["id"].cast(pa.binary(16)).combine_chunks())
    if not ids:
        return dataset
    order = np.argsort(-np.concatenate(sizes), kind="stable")[:wanted]
    return Some(dataset, pa.concat_arrays(ids).take(pa.array(order)))
