"""An evaluation of how often a model guesses the next token."""

from __future__ import annotations

from collections import Counter
from typing import Annotated, Any

import pyarrow as pa
from pydantic import Field

from finery import Batch, Dataset, Evaluation, Journal, Model, Stage, UsageError, World, hookimpl, plugin


@plugin
class Starter:
    """Measure how often the likeliest next token is the right one.

    ```toml
    [[stage]]
    evaluate = "starter"
    context = 256
    ```
    """

    context: Annotated[int, Field(ge=2, le=1_000_000)] = 512
    """Tokens of a text at most."""

    @hookimpl
    def evaluate(
        self, model: Model | None, examples: Dataset, world: World, stage: Stage, journal: Journal
    ) -> Evaluation:
        """`accuracy/SOURCE`, the share of tokens guessed; an item a record: `right` of `tokens`.

        Raises UsageError without a model.
        """
        if model is None:
            raise UsageError.at(stage.id, "needs a model", "put it behind a train stage, or name a model")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.set_num_threads(world.threads)
        tokenizer: Any = AutoTokenizer.from_pretrained(model.path)
        network: Any = AutoModelForCausalLM.from_pretrained(model.path).eval()
        rows: list[dict[str, Any]] = []
        with torch.no_grad():
            for batch in examples.batches(["id", "source", "text"]):
                rows += [self.item(network, tokenizer, record) for record in records(batch)]
                journal.progress(len(rows), examples.records, "records")
        return Evaluation(accuracies(rows), pa.Table.from_pylist(rows, ITEMS))

    def item(self, network: Any, tokenizer: Any, record: dict[str, Any]) -> dict[str, Any]:
        """How many tokens of a record are guessed right, the first left out."""
        import torch

        tokens = tokenizer(record["text"] or "")["input_ids"][: self.context]
        item = {"item": str(record["id"]), "source": record["source"], "right": 0, "tokens": max(len(tokens) - 1, 0)}
        if item["tokens"]:
            guessed = network(input_ids=torch.tensor([tokens])).logits[0, :-1].argmax(-1)  # (tokens - 1,)
            item["right"] = int((guessed == torch.tensor(tokens[1:])).sum())
        return item


ITEMS = pa.schema(
    [("item", pa.string()), ("source", pa.string()), ("right", pa.int64()), ("tokens", pa.int64())],
)


def records(batch: Batch) -> list[dict[str, Any]]:
    """The records of a batch."""
    found: list[dict[str, Any]] = batch.to_pylist()
    return found


def accuracies(rows: list[dict[str, Any]]) -> dict[str, float]:
    """The accuracy of each source that has tokens."""
    right, tokens = Counter[str](), Counter[str]()
    for row in rows:
        right[row["source"]] += row["right"]
        tokens[row["source"]] += row["tokens"]
    return {f"accuracy/{source}": right[source] / count for source, count in tokens.items() if count}
