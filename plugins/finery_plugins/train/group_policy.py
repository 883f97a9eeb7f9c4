"""What GRPO and RLOO share: answers to a prompt are drawn in groups, rewarded, and compared with each other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from finery import Dataset, Model
from finery_plugins.train.outcomes import Outcomes
from finery_plugins.train.policy import stops
from finery_plugins.train.prompts import KINDS, REMEDY, Prompts
from finery_plugins.train.rewards import Rewards, answered, rewards
from finery_plugins.train.rollouts import Rollouts, drawn, rolled
from finery_plugins.train.rules import Asked
from finery_plugins.train.site import Site
from finery_plugins.train.tuner import Task
from finery_plugins.train.tuning import Beginning, begun, settled


@dataclass(frozen=True)
class Groups:
    """Prompts, and what their answers are worth."""

    begin: Beginning
    rollouts: Rollouts
    asked: Sequence[Asked]
    """What each row of the plan asks."""
    rewards: Rewards

    @property
    def outcomes(self) -> Outcomes:
        """The account of the training."""
        plan = self.rollouts.plan
        return self.begin.outcomes(plan, "reward", self.rollouts.generations * self.rollouts.passes)

    def asked_at(self, places: Sequence[int]) -> list[Asked]:
        """What is asked at some places of the order."""
        return [self.asked[row] for row in self.rollouts.plan.order[list(places)].tolist()]

    def batch(self, found: Sequence[Mapping[str, int]]) -> list[dict[str, Any]]:
        """Places of the order as TRL takes prompts; what they say is looked up when it is needed."""
        return [{"place": row["place"], "prompt": str(row["place"])} for row in found]

    def task(self, trainer: type, config: type, said: Mapping[str, Any]) -> Task:
        """What TRL is asked to do."""
        plugin, loop = self.begin.plugin, self.rollouts.plan.loop
        shared = {"num_generations": plugin.generations, "num_iterations": plugin.iterations, "beta": plugin.beta}
        shared |= {"max_completion_length": plugin.answer_tokens, "temperature": plugin.temperature}
        shared |= {"steps_per_generation": loop.accumulate}
        given = {"reward_funcs": [worth]}
        return Task(trainer, config, shared | dict(said), self.batch, given=given, changed=self.methods(trainer))

    def methods(self, base: Any) -> dict[str, Any]:
        """TRL's methods for which ours stand: the order, prompts in tokens, chance, and rewards."""

        def _get_train_sampler(*_: Any) -> list[int]:
            return sampled(self.rollouts)

        def _tokenize_prompts(trainer: Any, prompts: Sequence[str]) -> tuple[Any, None, dict[str, Any]]:
            trainer.answering = [int(prompt) for prompt in prompts]
            rows = self.rollouts.plan.order[trainer.answering].tolist()
            return [prompt_ids(self.rollouts, row) for row in rows], None, {}

        def _generate_single_turn(trainer: Any, *given: Any, **more: Any) -> Any:
            records = [one.record for one in self.asked_at(trainer.answering)]
            with drawn(self.begin.site.stage, trainer.state.global_step, records):
                return base._generate_single_turn(trainer, *given, **more)

        def _calculate_rewards(trainer: Any, inputs: Any, _prompts: Any, completions: Any, _ids: Any) -> Any:
            import torch

            places = [row["place"] for row in inputs]
            values = self.rewards(self.asked_at(places), completions)
            trainer.account.note(np.array(places), values)
            return torch.tensor(values, dtype=torch.float32, device=trainer.accelerator.device).unsqueeze(1)

        ours = (_get_train_sampler, _tokenize_prompts, _generate_single_turn, _calculate_rewards)
        return {method.__name__: method for method in ours}


def grouped(plugin: Any, examples: Dataset, model: Model | None, site: Site, usual: float) -> Groups:
    """A training before its first step; `usual` is the learning rate where none is given."""
    records = settled(plugin, examples, site, KINDS, REMEDY)
    begin = begun(plugin, model, site)
    stops(begin.network, begin.tokenizer)
    worth_of = rewards(plugin, site)
    prompts = Prompts(plugin.answer)
    rows = begin.rows(records, prompts.columns, prompts.encoded, 1, room=plugin.answer_tokens)
    asked = prompts.known(records, rows.tokens)
    answered(plugin.rules, asked, site.place)
    loop = begin.loop(usual)
    count = loop.step_rows // plugin.generations
    made = rolled(rows, loop, site.stage, count, plugin.generations, plugin.iterations, shuffled=False)
    return Groups(begin, made, asked, worth_of)


def sampled(rollouts: Rollouts) -> list[int]:
    """The places of the order as TRL reads them: a rollout's once for each forward pass that learns from it."""
    loop, found = rollouts.plan.loop, list[int]()
    for step in range(0, rollouts.plan.steps, rollouts.passes):
        places = range(step * loop.step_rows, (step + 1) * loop.step_rows)
        passes = min(rollouts.passes, rollouts.plan.steps - step)
        found += list(places) * (passes * loop.accumulate)
    return found


def prompt_ids(rollouts: Rollouts, row: int) -> list[int]:
    """The tokens of a row's prompt."""
    tokens = rollouts.plan.rows.tokens
    start = int(tokens.starts[row])
    return [~token for token in tokens.flat[start : start + int(tokens.lengths[row])].tolist()]


def worth(**_: Any) -> list[float]:
    """Never asked: it names the reward that `_calculate_rewards` works out."""
    return []


def whole_groups(plugin: Any) -> Any:
    """`plugin`, if its steps hold whole groups of answers. Raises ValueError otherwise."""
    answers = plugin.batch * plugin.accumulate
    if answers % plugin.generations:
        said = (
            f"`batch` times `accumulate` is {answers}, no multiple of the {plugin.generations} `generations` a prompt"
        )
        raise ValueError(said)
    return plugin
