"""What a reward model makes of pairs that it was not trained on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

from finery_plugins.train.answers import Answers
from finery_plugins.train.packing import Packed
from finery_plugins.train.rows import Plan
from finery_plugins.train.tuning import Beginning


def judged(rows: Packed, tuner: Any, begin: Beginning) -> None:
    """Tell the journal the share of pairs in the right order, the mean difference of their scores, and their losses.

    `held_out_accuracy` and `held_out_margin` come for all pairs and by source; the losses are those of epoch 0.
    """
    journal, tokens = begin.site.journal, rows.tokens
    gaps = differences(rows, tuner, begin)
    owners = tokens.sources[rows.sequences[rows.bounds[:-1]]]
    for name, places in [(None, slice(None)), *((name, owners == at) for at, name in enumerate(tokens.names))]:
        if len(gaps[places]):
            journal.metric("held_out_accuracy", float((gaps[places] > 0).mean()), None, name)
            journal.metric("held_out_margin", float(gaps[places].mean()), None, name)
    journal.losses(by_record(rows, np.logaddexp(0.0, -gaps)))


def differences(rows: Packed, tuner: Any, begin: Beginning) -> np.ndarray:
    """`float64` (pairs,): the chosen answer's score less the rejected one's."""
    import torch

    plan: Plan = tuner.account.plan
    answers = Answers(Plan(rows, np.arange(len(rows)), plan.loop), begin.tokenizer.pad_token_id)
    found = []
    tuner.model.eval()
    for start in range(0, len(rows), plan.loop.batch):
        batch = answers.rows(range(start, min(start + plan.loop.batch, len(rows))))
        inputs = tuner._prepare_inputs({name: batch[name] for name in ("input_ids", "attention_mask")})
        with torch.no_grad():
            chosen, rejected = tuner.model(**inputs, use_cache=False).logits.squeeze(-1).chunk(2)
        found.append((chosen - rejected).double().cpu().numpy())
    return np.concatenate(found)


def by_record(rows: Packed, losses: np.ndarray) -> pa.Table:
    """`record, epoch, loss, tokens` of the records whose pairs have such losses (pairs,); epoch is 0."""
    sizes = np.add.reduceat(rows.lengths, rows.bounds[:-1])
    ids = rows.tokens.ids.take(pa.array(rows.sequences[rows.bounds[:-1]])).cast(pa.binary(16))
    table = pa.table({"record": ids, "loss": losses, "tokens": sizes})
    means = table.group_by("record", use_threads=False).aggregate([("loss", "mean"), ("tokens", "sum")])
    records = means["record"].combine_chunks()
    return pa.table(
        {
            "record": pa.ExtensionArray.from_storage(pa.uuid(), records),
            "epoch": pa.array(np.zeros(len(means), np.int32)),
            "loss": means["loss_mean"],
            "tokens": means["tokens_sum"],
        }
    )
