"""Plugins whose class or options cannot be learnt from, or do not travel."""

import math
from collections.abc import Callable
from functools import cached_property

import pyarrow as pa
from bad_case import Case, dropped, none_dropped, texts

from finery import Batch, hookimpl, plugin


class Undecorated:
    """Keep all."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin(api=99)
class FromTheFuture:
    """Keep all."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Silent:
    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Mumbling:
    """keeps everything"""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return none_dropped(batch)


@plugin
class Undocumented:
    """Drop short texts."""

    minimum: int = 3

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(len(text) < self.minimum for text in texts(batch))


@plugin
class TakesAFunction:
    """Drop what a function refuses."""

    refuses: Callable[[str], bool] = str.isspace
    """A function, which no pipeline file can hold."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(self.refuses(text) for text in texts(batch))


@plugin
class Boundless:
    """Drop long texts."""

    maximum: float = math.inf
    """Most characters; infinity becomes null in JSON."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(len(text) > self.maximum for text in texts(batch))


@plugin
class Clinging:
    """Drop texts under a bound that is kept as a function on the plugin."""

    minimum: int = 3
    """Fewest characters."""

    @cached_property
    def short(self) -> Callable[[str], bool]:
        return lambda text: len(text) < self.minimum

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(map(self.short, texts(batch)))


CASES = (
    Case("plugin-class", Undecorated()),
    Case("plugin-class", FromTheFuture()),
    Case("plugin-class", Undocumented),
    Case("summary", Silent()),
    Case("summary", Mumbling()),
    Case("options-documented", Undocumented()),
    Case("options-schema", TakesAFunction()),
    Case("options-json", Boundless()),
    Case("options-pickle", Clinging()),
)
