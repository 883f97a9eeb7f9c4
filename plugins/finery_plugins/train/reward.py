"""The reward model: a scalar head learns which of two answers was preferred."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from finery import (
    Dataset,
    Journal,
    Model,
    Needs,
    Preview,
    Stage,
    UsageError,
    World,
    hookimpl,
    plugin,
)
from finery_plugins.format.ranked import Ranked, asked
from finery_plugins.train import options
from finery_plugins.train.answers import Answers
from finery_plugins.train.judgement import judged
from finery_plugins.train.method import Method
from finery_plugins.train.pair_demand import answering
from finery_plugins.train.policy import judge
from finery_plugins.train.preferences import PAIRS, RANKED, Answered, pairs
from finery_plugins.train.preview import preview_answers
from finery_plugins.train.records import Records
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.trial import probed
from finery_plugins.train.tuner import Task, made_tuner, run
from finery_plugins.train.tuning import Beginning, begun, settled

COLUMNS = (*PAIRS, *RANKED, "input")


@plugin(needs=Needs(cpus=2, extra="train"))
class Reward:
    """Train a model to answer with a number, higher for the answer that was preferred, with TRL's trainer.

    Sources have `prompt`, `chosen` and `rejected`, as texts or messages, or ranked answers: `instruction` with an
    `output` that is a list, best first. The model's head for words gives way to one for a number, read at the end of
    the answer; the loss of a pair is that of Bradley and Terry (Ouyang et al. 2022). The result is a plain folder with
    a sequence classifier of one label. Records of the split `held_out` are not trained on: `held_out_accuracy` is the
    share of their pairs in the right order, by source too.

    ```toml
    [[stage]]
    train = "reward"
    model = "sft"
    id = "judge"
    ```
    """

    method: Method = "full"
    """`"full"` trains every weight; `{ lora = { rank = 16 } }` an adapter beside them."""
    keep_adapter: bool = False
    """Leave the adapter in `adapter/`, in PEFT's layout, beside the weights that it was folded into."""
    pairs: Literal["all", "adjacent", "best"] = "all"
    """Of ranked answers: every one with every worse one, with the next worse one, or the best with all others."""
    together: bool = True
    """Learn all pairs of a ranked list in one step, as Ouyang et al. 2022 do against overfitting. Off, each pair is a
    row of its own."""
    margin: str | None = None
    """A numeric column: by how much the chosen answer should score more (Touvron et al. 2023)."""
    centre: Annotated[float | None, Field(gt=0)] = None
    """What the squared sum of a pair's scores counts in the loss, which keeps scores about zero (Eisenstein et al.
    2023, with 0.01)."""
    held_out: str = "test"
    """The split whose pairs are scored at the end."""
    chat: bool = True
    """Put prompts and answers that are texts into the chat template; off joins them as plain text."""
    split: options.Split = "train"
    context: options.Length = None
    steps: options.Steps = None
    epochs: options.Epochs = None
    tokens: options.Tokens = None
    batch: options.Rows = 8
    accumulate: options.Accumulate = 1
    lr: options.LearningRate = None
    schedule: options.Schedule = "linear"
    warmup: options.Warmup = 0.1
    floor: options.Floor = 0.0
    weight_decay: options.WeightDecay = 0.0
    beta2: options.Beta2 = 0.999
    clip: options.Clip = 1.0
    max_seconds: options.MaxSeconds = None
    seed: options.Seed = None
    bf16: options.BFloat16 = False
    gradient_checkpointing: options.GradientCheckpointing = False
    checkpoint_steps: options.CheckpointSteps = 500
    log_steps: options.LogSteps = 10

    @model_validator(mode="after")
    def one_budget(self) -> Reward:
        """Refuse two budgets at once."""
        return options.one_budget(self)  # type: ignore[no-any-return]

    @hookimpl
    def train(
        self, examples: Dataset, model: Model | None, out: Path, world: World, stage: Stage, journal: Journal
    ) -> Model:
        """The reward model, in `out`."""
        site = Site(out, world, stage, journal)
        remedy = 'put `format = "preference"` before it, or name others in `only`'
        records = settled(self, examples, site, [PAIRS, RANKED], remedy, together=True)
        margins = self.margins(records, site)
        begin = begun(self, model, site, judge)
        # InstructGPT's rate for a model of 6 billion parameters (Ouyang et al. 2022).
        plan = begin.plan(begin.rows(records, COLUMNS, self.read, 2, self.together), usual=9e-6)
        self.check(plan, site)
        batch = Scored(Answers(plan, begin.tokenizer.pad_token_id), margins)
        tuner = made_tuner(self.task(batch), begin.network, begin.tokenizer, begin.outcomes(plan))
        run(tuner)
        self.judge(begin, examples, tuner)
        return begin.left()

    @hookimpl
    def preview(self, examples: Dataset, model: Model | None, out: Path, stage: Stage) -> Preview:
        """What a training on these examples would be shown."""
        return preview_answers(self, examples, model, out, stage, [PAIRS, RANKED], COLUMNS, self.read, writes=False)

    demand = hookimpl(answering(9e-6, "reward", scores=1))
    trial = hookimpl(probed)

    def read(self, batch: pa.Table) -> Iterator[Answered]:
        """The pairs of each record, chosen and rejected by turns."""
        if set(PAIRS) <= set(batch.column_names):
            yield from pairs(batch)
            return
        ranked = Ranked(pairs=self.pairs)
        for prompt, answers in zip(asked(batch), batch["output"].to_pylist(), strict=True):
            yield Answered(prompt, [answer for pair in ranked.chosen(answers) for answer in pair])

    def margins(self, records: Records, site: Site) -> dict[bytes, float]:
        """The margin of each record by its id. Raises UsageError where a source lacks the column."""
        if self.margin is None:
            return {}
        for source in records.sources:
            if self.margin not in records.examples.columns(source):
                fault = f"source '{source}' has no column '{self.margin}' to take `margin` from"
                raise UsageError.at(site.place, fault, "name another column, or leave `margin` out")
        found: dict[bytes, float] = {}
        for batch in records.batches(self.margin):
            ids = batch["id"].combine_chunks().cast(pa.binary(16)).to_pylist()
            values = pc.fill_null(batch[self.margin].cast(pa.float64()), 0.0).to_pylist()
            found |= dict(zip(ids, values, strict=True))
        return found

    def check(self, plan: Plan, site: Site) -> None:
        """Raise UsageError where workers would have unlike numbers of pairs in a pass: a loss is the mean of pairs."""
        if site.world.size > 1 and len(set(np.diff(plan.rows.bounds).tolist())) > 1:
            fault = f"lists of unlike length do not divide among {site.world.size} workers"
            raise UsageError.at(site.place, fault, "set `together = false`, or leave `workers` out of `needs`")

    def task(self, batch: Scored) -> Task:
        """What TRL is asked to do."""
        from trl import RewardConfig, RewardTrainer

        said = {"center_rewards_coefficient": self.centre, "max_length": None, "disable_dropout": False}
        return Task(RewardTrainer, RewardConfig, said, batch, self.losses)

    def losses(self, tuner: Any, answers: Sequence[Any], inputs: Mapping[str, Any]) -> Any:
        """The loss (pairs,) of each pair, as TRL has it in mean."""
        from torch.nn.functional import logsigmoid

        chosen, rejected = answers[-1].logits.squeeze(-1).chunk(2)
        loss = -logsigmoid(chosen - rejected - inputs.get("margin", 0.0))
        return loss if self.centre is None else loss + self.centre * (chosen + rejected) ** 2

    def judge(self, begin: Beginning, examples: Dataset, tuner: Any) -> None:
        """Score what was held out, if there is anything."""
        stage = begin.site.stage
        seen = Records(examples, stage, self.held_out)
        split = tuple(name for name in seen.sources if seen.is_split(name))
        held = Records(examples, replace(stage, only=split), self.held_out)
        if self.held_out == self.split or not split or next(held.batches(), None) is None:
            return
        rows = begin.rows(held, COLUMNS, self.read, 2, name="held")
        if not begin.site.world.rank:
            judged(rows, tuner, begin)


@dataclass
class Scored:
    """Makes TRL's batches of all pairs of some rows."""

    answers: Answers
    margins: Mapping[bytes, float]

    def __call__(self, found: Sequence[Mapping[str, int]]) -> dict[str, Any]:
        """The batch at some places of the plan's order, each row's pairs side by side."""
        import torch

        plan = self.answers.plan
        bounds, firsts, places = plan.rows.bounds, list[int](), list[int]()
        for place in (row["place"] for row in found):
            row = int(plan.order[place])
            pairs = range(int(bounds[row]), int(bounds[row + 1]), 2)
            firsts += pairs
            places += [place] * len(pairs)
        batch = self.answers.pairs(firsts)
        batch.pop("completion_mask")
        if self.margins:
            ids = plan.rows.tokens.ids.take(pa.array(firsts)).cast(pa.binary(16)).to_pylist()
            batch["margin"] = torch.tensor(np.array([self.margins[name] for name in ids], np.float32))
        return batch | {"places": torch.tensor(places)}
