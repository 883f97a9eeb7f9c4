"""The score `difficulty`: how much of an answer its instruction does not give away to a model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import numpy as np
import pyarrow as pa
from pydantic import Field

from finery import Batch, HubFile, Needs, Tally, hookimpl, plugin
from finery_plugins.format.chat import READERS, SHAPES, Turn, shape_of
from finery_plugins.score.judge import Case, Judge, judge

LEAST_NATS = 1e-6
"""Nats a token under which an answer costs nothing alone: no ratio to it says anything."""


@plugin(needs=Needs(extra="train"), batch=256)
class Difficulty:
    """Add the instruction-following difficulty (IFD, Li et al. 2023) of each answer under a causal language model.

    It is the model's loss on the answer's tokens given the instruction over its loss on the same tokens alone. Near 0,
    the instruction gives the answer away; near 1, it is of no help, and the record has most to teach; above 1 it
    misleads, as where instruction and answer do not belong together. Li et al. train on the highest below 1.

    Takes `messages`, `conversations`, `instruction` with `output`, and `prompt` with `completion` or `response`; of a
    dialogue, all answers that have a turn before them, each given what was said so far, and their tokens together.
    Where the tokenizer has a chat template the question is put by it, else as text.

    - `difficulty`: loss given the instruction over loss alone; null without an answer, or without room for it.
    - `answer_loss`, `answer_loss_alone`: mean negative log likelihood of the answer's tokens, nats a token.
    - `answer_tokens`: how many were scored. An answer that does not fit into the context behind its question is cut,
      in both losses alike.

    The tally counts records: `answers cut`, `no room` (a question leaves fewer than `least_tokens` of the answers),
    `no answer` and `template refuses`.

    ```toml
    [[stage]]
    score = "difficulty"
    causal = "Qwen/Qwen3-0.6B-Base"
    ```

    ```toml
    [[stage]]
    filter = "keep"
    where = "difficulty < 1"
    ```
    """

    causal: HubFile
    """The folder or hub name of a causal language model with safetensors weights."""

    context: Annotated[int | None, Field(ge=8)] = None
    """Tokens of question and answer together; where not given, the model's own, 2,048 at most."""

    between: str = "\n\n"
    """What stands behind each turn of the question where the tokenizer has no chat template."""

    least_tokens: Annotated[int, Field(ge=1)] = 1
    """Tokens of answers that must be scored: a record with fewer has no difficulty."""

    @hookimpl
    def score(self, batch: Batch, tally: Tally) -> Mapping[str, pa.Array]:
        """`difficulty`, `answer_loss` and `answer_loss_alone` are `float64`, `answer_tokens` is `int64`."""
        model = judge(self.causal, self.context, "score 'difficulty'")
        cases = [self.cases(model, turns, tally) for turns in dialogues(batch)]
        tokens = np.array([sum(case.tokens for case in each) for each in cases], np.int64)
        short = tokens < self.least_tokens
        kept: list[Sequence[Case]] = [[] if out else each for each, out in zip(cases, short, strict=True)]
        behind = model.nats([[case.behind for case in each] for each in kept])
        alone = model.nats([[case.alone for case in each] for each in kept])
        return columns(behind, alone, np.where(short, 0, tokens))

    def cases(self, model: Judge, turns: Sequence[Turn], tally: Tally) -> list[Case]:
        """The cases of one record; what keeps them from being scored whole is counted."""
        from jinja2 import TemplateError

        try:
            found = list(model.cases(turns, self.between))
        except (TemplateError, KeyError, TypeError):
            tally["template refuses"] += 1
            return []
        if not found:
            tally["no answer"] += 1
        elif sum(case.tokens for case in found) < self.least_tokens:
            tally["no room" if any(case.cut for case in found) else "no answer"] += 1
        elif any(case.cut for case in found):
            tally["answers cut"] += 1
        return found


def dialogues(batch: Batch) -> list[list[Turn]]:
    """The turns of each record, whatever its shape. Raises PipelineError for one that is no dialogue."""
    shape = shape_of(batch)
    names = [name for name in SHAPES[shape] if name in batch.column_names]
    return [list(READERS[shape](row)) for row in batch.select(names).to_pylist()]


def columns(behind: np.ndarray, alone: np.ndarray, tokens: np.ndarray) -> dict[str, pa.Array]:
    """Losses a token and their ratio, null where nothing was scored."""
    absent, count = tokens == 0, np.maximum(tokens, 1)
    without = absent | (alone / count < LEAST_NATS)
    return {
        "difficulty": pa.array(behind / np.where(without, 1, alone), mask=without),
        "answer_loss": pa.array(behind / count, mask=absent),
        "answer_loss_alone": pa.array(alone / count, mask=absent),
        "answer_tokens": pa.array(tokens, pa.int64()),
    }
