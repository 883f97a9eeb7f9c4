"""Plugins whose hooks are not what they seem."""

from collections.abc import Iterator
from typing import Any

import pyarrow as pa
from bad_case import Case, none_dropped

from finery import Batch, Dataset, Evaluation, Tally, hookimpl, plugin


@plugin
class Idle:
    """Do nothing at all."""

    def filters(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class TwoVerbs:
    """Filter and score."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        return {}


@plugin
class Forgetful:
    """Have a hook without its decorator."""

    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class HalfForgetful:
    """Have a hook without its decorator beside one with it."""

    def prepare(self, dataset: Dataset) -> int:
        return dataset.records

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Misspelt:
    """Misspell a hook."""

    @hookimpl
    def filtre(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class MisspeltBeside:
    """Misspell the hook beside a verb."""

    @hookimpl
    def prepair(self, dataset: Dataset) -> int:
        return dataset.records

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Unheard:
    """Prepare for a hook that takes no state."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> int:
        return dataset.records

    @hookimpl
    def evaluate(self, examples: Dataset) -> Evaluation:
        return Evaluation({"records": examples.records})


@plugin
class Wrapping:
    """Wrap the hook that it ought to answer."""

    @hookimpl(wrapper=True)
    def filter(self, batch: Batch) -> Iterator[None]:
        return (yield)


@plugin
class WrongArgument:
    """Ask for something that the hook is not given."""

    @hookimpl
    def filter(self, bach: Batch) -> pa.Array:
        return none_dropped(bach)


@plugin
class Defaulting:
    """Give an argument a default."""

    @hookimpl
    def filter(self, batch: Batch, tally: Tally | None = None) -> pa.Array:
        return none_dropped(batch)


@plugin
class KeywordOnly:
    """Have a keyword-only argument."""

    @hookimpl
    def filter(self, batch: Batch, *, tally: Tally) -> pa.Array:
        return none_dropped(batch)


@plugin
class Starred:
    """Take whatever comes."""

    @hookimpl
    def filter(self, batch: Batch, **rest: Any) -> pa.Array:
        return none_dropped(batch)


@plugin
class Renamed:
    """Stand for a hook of another name, which there is not."""

    @hookimpl(specname="filtr")
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Deaf:
    """Hear of a run by an argument that there is not."""

    @hookimpl
    def run_finished(self, state: str) -> None:
        """Hear nothing."""


@plugin
class HalfDeaf:
    """Hear of a run's end, and of its start by a name that there is not."""

    @hookimpl
    def run_startd(self, run: str) -> None:
        """Hear nothing."""

    @hookimpl(wrapper=True)
    def run_finished(self, run: str) -> Iterator[None]:
        """Hear how it ends."""
        yield


CASES = (
    Case("one-verb", Idle()),
    Case("one-verb", TwoVerbs()),
    Case("hooks-marked", Forgetful()),
    Case("hooks-marked", HalfForgetful()),
    Case("hooks-known", Misspelt()),
    Case("hooks-known", MisspeltBeside()),
    Case("companions", Unheard()),
    Case("not-wrappers", Wrapping()),
    Case("arguments-known", WrongArgument()),
    Case("arguments-without-defaults", Defaulting()),
    Case("arguments-positional", KeywordOnly()),
    Case("arguments-named", Starred()),
    Case("binds", Renamed()),
    Case("observer-binds", Deaf()),
    Case("hooks-known", HalfDeaf()),
)
