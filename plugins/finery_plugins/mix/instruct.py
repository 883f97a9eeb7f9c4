"""The mix `instruct`: instruction data folded into pre-training, as a share of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

from pydantic import Field

from finery import Dataset, Draw, Fault, PipelineError, Source, State, did_you_mean, hookimpl, plugin
from finery_plugins.mix.amounts import amounts, refuse

Names = Sequence[str]


@plugin
class Instruct:
    """Fold instruction sources into pre-training: together they make `share` of the mix, everything else the rest.

    Multi-task pre-training of this kind keeps or raises what a base model can do with a prompt (Cheng et al. 2024; for
    continued pre-training on a domain they mix 1:1 by tokens, `share = 0.5`). Sources of a kind keep their proportions.
    The mix is as large as it can be: documents are read at most `max_epochs`, instructions at most
    `max_instruction_epochs`, or it has the size `total`. All sources need `text`: `format = "transcript"` makes it of
    dialogues and instructions, so that one `train = "pretrain"` reads them all.

    ```toml
    [[stage]]
    mix = "instruct"
    instructions = ["chats"]
    share = 0.2
    ```
    """

    instructions: Annotated[list[str], Field(min_length=1)]
    """The instruction sources; all others that the stage sees are documents."""

    share: Annotated[float, Field(gt=0, lt=1)]
    """The share of instructions in the mix, in `unit`."""

    unit: str = "characters"
    """What is counted: `records`, `characters` or a numeric column such as `tokens`."""

    max_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often a document source may be read at most."""

    max_instruction_epochs: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0
    """How often an instruction source may be read at most; up to 4 are almost as good as new data (Muennighoff
    2023)."""

    total: Annotated[float, Field(gt=0, allow_inf_nan=False)] | None = None
    """The size of the mix, in `unit`."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> State:
        """Nothing. Raises PipelineError for sources that `pretrain` could not read side by side."""
        held = {name: dataset.columns(name) for name in dataset.sources}
        left = {name: set(columns) - {"id", "source"} for name, columns in held.items()}
        refuse([untold(name, columns) for name, columns in left.items() if columns and "text" not in columns])
        return {}

    @hookimpl
    def mix(self, sources: Sequence[Source]) -> Draw:
        """Epochs of each source. Raises PipelineError for names of no source, or a total that repeats one too often."""
        names = [source.name for source in sources]
        refuse([missing(name, names) for name in self.instructions if name not in names])
        if set(names) <= set(self.instructions):
            raise PipelineError.at("instructions", "are all the sources there are", "leave documents to fold them into")
        epochs = self.epochs(amounts(sources, self.unit))
        return Draw({name: epochs[name in self.instructions] for name in names}, self.unit)

    def epochs(self, there: Mapping[str, float]) -> Mapping[bool, float]:
        """Epochs of documents (False) and of instructions (True)."""
        told = sum(size for name, size in there.items() if name in self.instructions)
        rates = {False: (1 - self.share) / (sum(there.values()) - told), True: self.share / told}
        most = {False: self.max_epochs, True: self.max_instruction_epochs}
        whole = min(most[kind] / rates[kind] for kind in rates)
        if self.total is not None and self.total > whole * (1 + 1e-9):
            fault = f"{self.total:g} is more than the {whole:.6g} {self.unit} that there are within the epochs allowed"
            raise PipelineError.at("total", fault, "lower it, or raise max_epochs or max_instruction_epochs")
        size = whole if self.total is None else self.total
        return {kind: min(rates[kind] * size, most[kind]) for kind in rates}


def untold(name: str, columns: set[str]) -> Fault:
    """The fault of a source without text."""
    remedy = f'put format = "transcript" before it, with only = ["{name}"]'
    return Fault(f"source '{name}'", f"has no text to pre-train on: it has {', '.join(sorted(columns))}", remedy)


def missing(name: str, names: Names) -> Fault:
    """The fault of an instruction source that is not there."""
    fault = f"there is no source '{name}'{did_you_mean(name, names)}"
    return Fault("instructions", fault, f"the sources are {', '.join(names)}")
