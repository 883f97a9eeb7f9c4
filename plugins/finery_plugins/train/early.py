"""Early stopping: what held-out records cost is watched as a training goes, and the best weights are kept."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass as checked

from finery import UsageError, did_you_mean
from finery_plugins.train.heldout import by_source, measured
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.workers import from_first, meet

if TYPE_CHECKING:
    from finery_plugins.train.trainer import Objective


@checked(frozen=True, config=ConfigDict(extra="forbid", use_attribute_docstrings=True))
class EarlyStopping:
    """Stop when the loss of held-out records no longer falls, and go back to the weights that were best."""

    split: str = "validation"
    """The rows held out: those whose `split` column has this value. Sources without the column hold none out."""
    metric: Annotated[str, Field(pattern=r"^loss(/.+)?$")] = "loss"
    """What is watched: `loss`, in nats a token over all sources, or `loss/SOURCE`, that of one source."""
    every: Annotated[int, Field(ge=1)] = 100
    """Optimizer steps between two measurements; the last step is measured too."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Stop after so many measurements in a row without a better one."""
    minimum: Annotated[float, Field(ge=0)] = 0.0
    """By how many nats a token a loss must be lower to be better."""


@dataclass
class Watch:
    """The watch over held-out records: the best loss so far and how many measurements ago it was."""

    said: EarlyStopping
    plan: Plan
    """The rows held out, each once."""
    site: Site
    best: float = math.inf
    best_step: int = 0
    waited: int = 0

    @property
    def folder(self) -> Path:
        """Where the best weights lie while the training goes on."""
        return self.site.out / "best"

    def check(self) -> None:
        """Raise UsageError where the metric is of a source that holds no records out."""
        source = self.said.metric.partition("/")[2]
        tokens = self.plan.rows.tokens
        known = [tokens.names[code] for code in sorted(set(tokens.sources.tolist()))]
        if source and source not in known:
            fault = (
                f"`early_stopping` watches source '{source}'{did_you_mean(source, known)}, which holds no records out"
            )
            raise UsageError.at(self.site.place, fault, f"take one of {', '.join(known)}, or `loss`")

    def measure(self, model: Any, objective: Objective, step: int) -> bool:
        """Whether the training should stop, after the weights of a step are measured."""
        found = by_source(self.plan.rows.tokens, measured(model, objective, self.plan))
        for source, loss in found.items():
            if not self.site.world.rank:
                self.site.journal.metric("held_out_loss", loss, step, source)
        loss = found[self.said.metric.partition("/")[2] or None]
        if loss < self.best - self.said.minimum or not self.best_step:
            self.best, self.best_step, self.waited = loss, step, 0
            self.keep(model)
        else:
            self.waited += 1
        return self.waited >= self.said.patience

    def keep(self, model: Any) -> None:
        """Put the weights that are trained on disk, under the number of the best step."""
        from safetensors.torch import save_file

        if self.site.world.rank:
            return
        self.folder.mkdir(exist_ok=True)
        beside = self.folder / "weights.unfinished"
        save_file({name: part.detach().contiguous() for name, part in trained_parts(model).items()}, beside)
        beside.replace(self.weights(self.best_step))

    def weights(self, step: int) -> Path:
        """The file with the weights of a step."""
        return self.folder / f"{step}.safetensors"

    def restore(self, model: Any) -> None:
        """Give a model the best weights."""
        import torch
        from safetensors.torch import load_file

        meet()
        kept = {} if self.site.world.rank else load_file(self.weights(self.best_step))
        with torch.no_grad():
            for name, part in trained_parts(model).items():
                # The others may be on machines that have not got the file.
                part.copy_(from_first(kept.get(name, part).to(part.device)))
        if not self.site.world.rank:
            self.site.journal.metric("best_step", self.best_step)

    def save(self, checkpoint: Path) -> None:
        """Put the state beside a checkpoint; weights that no checkpoint speaks of any more are removed."""
        if self.site.world.rank:
            return
        state = {"best": self.best, "best_step": self.best_step, "waited": self.waited}
        (checkpoint / "early.json").write_text(json.dumps(state))
        needed = {self.best_step} | {kept_step(other) for other in checkpoint.parent.glob("checkpoint-*")}
        for path in self.folder.glob("*.safetensors"):
            if int(path.stem) not in needed:
                path.unlink()
        self.site.keep(self.folder)

    def resume(self, checkpoint: Path) -> None:
        """Go on from the state beside a checkpoint."""
        state = json.loads((checkpoint / "early.json").read_text())
        self.best, self.best_step, self.waited = state["best"], state["best_step"], state["waited"]


def kept_step(checkpoint: Path) -> int | None:
    """The best step that a checkpoint speaks of."""
    try:
        return int(json.loads((checkpoint / "early.json").read_text())["best_step"])
    except (OSError, ValueError, KeyError):
        return None


def trained_parts(model: Any) -> dict[str, Any]:
    """The parameters that are trained, by name; one that is used twice comes once."""
    return {name: part for name, part in model.named_parameters() if part.requires_grad}


def watch_callback(watch: Watch, model: Any, objective: Objective) -> Any:
    """What Trainer calls: a measurement every few steps, the state beside each checkpoint."""
    from transformers import TrainerCallback

    def begin(_: Any, args: Any, state: Any, _control: Any, **__: Any) -> None:
        if state.global_step:
            watch.resume(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def step_end(_: Any, _args: Any, state: Any, control: Any, **__: Any) -> None:
        step = state.global_step
        if (step % watch.said.every == 0 or step >= state.max_steps) and watch.measure(model, objective, step):
            control.should_training_stop = True

    def save(_: Any, args: Any, state: Any, _control: Any, **__: Any) -> None:
        watch.save(Path(args.output_dir) / f"checkpoint-{state.global_step}")

    def end(_: Any, _args: Any, state: Any, _control: Any, **__: Any) -> None:
        # A training that ran out of seconds between two measurements is measured where it stopped.
        if not watch.best_step:
            watch.measure(model, objective, state.global_step)

    ours: dict[str, Any] = {"on_train_begin": begin, "on_step_end": step_end, "on_save": save, "on_train_end": end}
    return type("WatchCallback", (TrainerCallback,), ours)()
