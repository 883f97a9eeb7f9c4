"""One plugin behind its hook, observers around it."""

from __future__ import annotations

import pickle
from collections.abc import Generator
from typing import Any

import pytest

from finery import PluginError, hookimpl, plugin
from finery.kernel import bind, relay
from finery.plugins import hooks, manifest


@plugin
class Double:
    """Twice the number."""

    times: int = 2
    """How often."""

    @hookimpl
    def filter(self, batch: Any) -> Any:
        """The product; None for nothing."""
        return batch * self.times if batch is not None else None


@plugin
class Watch:
    """Adds one to every answer."""

    @hookimpl(wrapper=True)
    def filter(self, batch: Any) -> Generator[None, Any, Any]:
        """One more."""
        answer = yield
        return answer + 1


ARGUMENTS = {"batch": 4, "state": None, "stage": None, "tally": None, "memo": None, "out": None}


def made(text: str) -> Any:
    """An instance of the plugin class `P` in a text."""
    names: dict[str, Any] = {"hookimpl": hookimpl, "plugin": plugin, "__name__": __name__}
    exec(text, names)
    return names["P"]()


def test_a_plugin_gets_only_the_arguments_it_names() -> None:
    assert bind(Double(), "filter")(**ARGUMENTS) == 8


def test_observers_stand_around_it() -> None:
    assert bind(Double(), "filter", [Watch(), Watch()])(**ARGUMENTS) == 10


def test_two_plugins_with_equal_options_are_two() -> None:
    assert Double() != Double()
    assert bind(Double(times=3), "filter")(**ARGUMENTS) == 12


def test_no_answer_is_an_error() -> None:
    with pytest.raises(PluginError, match=r"Double: 'filter' answered None: return a value for every batch"):
        bind(Double(), "filter")(**{**ARGUMENTS, "batch": None})


@pytest.mark.parametrize(
    "body, fault",
    [
        ("def filter(self, batch): ...", r"does not implement 'filter': put @hookimpl above 'filter'"),
        ("@hookimpl\n    def score(self, batch): ...", r"does not implement 'filter': it implements score"),
        ("x: int = 1", r"does not implement 'filter': it implements nothing"),
        ("@hookimpl\n    def fitler(self, batch): ...", r"unknown hook 'fitler' \(did you mean 'filter'\?\)"),
        ("@hookimpl\n    def filter(self, bath): ...", r"bath.*see the signatures"),
        ("@hookimpl\n    def filter(self, batch, *, state): ...", r"has an argument that hooks cannot fill: state"),
        ("@hookimpl\n    def filter(self, batch, state=3): ...", r"has an argument that hooks cannot fill: state"),
        ("@hookimpl\n    def filter(self, *batch): ...", r"has an argument that hooks cannot fill: batch"),
    ],
)
def test_what_does_not_fit_the_specs_is_an_error_before_the_run(body: str, fault: str) -> None:
    with pytest.raises(PluginError, match=fault):
        bind(made(f"@plugin\nclass P:\n    {body}\n"), "filter")


def test_a_plugin_travels_to_a_worker() -> None:
    assert bind(pickle.loads(pickle.dumps(Double(times=5))), "filter")(**ARGUMENTS) == 20


def test_a_relay_tells_every_observer() -> None:
    heard: list[str] = []

    class Ear:
        """Listens."""

        @hookimpl
        def run_finished(self, status: str) -> None:
            """Note it."""
            heard.append(status)

    relay([Ear(), Ear()]).run_finished(run="r", status="done", seconds=1.0)
    assert heard == ["done", "done"]


def test_hooks_are_listed_in_order() -> None:
    assert hooks(Double) == ("filter",)


def test_a_class_that_inherits_from_a_plugin_is_none() -> None:
    with pytest.raises(PluginError, match="is not a plugin: put @plugin above the class"):
        manifest(type("Sub", (Double,), {}))
