"""A training of a causal language model on plain text, a batch a step."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from finery import Dataset, Journal, Model, Needs, Stage, UsageError, World, hookimpl, plugin


@plugin(needs=Needs(cpus=1))
class Starter:
    """Train a causal language model on texts as they come, one epoch, with AdamW.

    ```toml
    [[stage]]
    train = "starter"
    model = "Qwen/Qwen3-0.6B"
    learning_rate = 1e-5
    ```
    """

    learning_rate: Annotated[float, Field(gt=0, le=1)] = 1e-4
    """Step size of AdamW."""

    context: Annotated[int, Field(ge=2, le=1_000_000)] = 512
    """Tokens of a text at most; the rest is not trained on."""

    records: Annotated[int, Field(ge=1, le=10_000)] = 8
    """Records a step."""

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The trained model in `out`; the loss of each step goes to the journal.

        Raises UsageError without a model to start from, or with several workers.
        """
        if model is None or world.size > 1:
            raise UsageError.at(stage.id, "trains one model in one process", "name a model, and ask for one worker")
        import torch
        from transformers import AutoModelForCausalLM, AutoTokenizer

        torch.manual_seed(stage.seed % 2**63)
        torch.set_num_threads(world.threads)
        tokenizer: Any = AutoTokenizer.from_pretrained(model.path)
        network: Any = AutoModelForCausalLM.from_pretrained(model.path)
        optimiser = torch.optim.AdamW(network.parameters(), lr=self.learning_rate)
        network.train()
        for step, texts in enumerate(self.batches(examples), 1):
            loss = self.loss(network, tokenizer, texts)
            loss.backward()
            optimiser.step()
            optimiser.zero_grad()
            journal.metric("loss", loss.item(), step=step)
            journal.progress(min(step * self.records, examples.records), examples.records, "records")
        network.save_pretrained(out)
        tokenizer.save_pretrained(out)
        return Model(path=out, name=stage.id, fingerprint="", base=model.name)

    def batches(self, examples: Dataset) -> Iterator[list[str]]:
        """Texts in order, `records` at a time; those that are null or empty are left out."""
        waiting: list[str] = []
        for batch in examples.batches(["text"]):
            for text in batch["text"].to_pylist():
                waiting += [text] if text else []
                if len(waiting) == self.records:
                    yield waiting
                    waiting = []
        if waiting:
            yield waiting

    def loss(self, network: Any, tokenizer: Any, texts: list[str]) -> Any:
        """Nats a token of some texts; padding is not counted."""
        ends = tokenizer.eos_token_id
        rows = [[*tokenizer(text)["input_ids"][: self.context - 1], ends] for text in texts]
        return padded_loss(network, rows)


def padded_loss(network: Any, rows: list[list[int]]) -> Any:
    """The mean loss of rows of different lengths."""
    import torch

    longest = max(2, *map(len, rows))
    tokens = torch.tensor([row + [0] * (longest - len(row)) for row in rows])  # (records, longest)
    real = torch.tensor([[1] * len(row) + [0] * (longest - len(row)) for row in rows])  # (records, longest)
    labels = tokens.masked_fill(real == 0, -100)
    return network(input_ids=tokens, attention_mask=real, labels=labels).loss
