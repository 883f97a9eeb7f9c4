"""Every built-in observer is declared as a plugin should be, and listens to hooks that there are."""

from __future__ import annotations

import pytest

from finery import hookimpl, plugin
from finery.testing import check
from finery_plugins.observe.jsonlines import JsonLines
from finery_plugins.observe.mlflow import MlFlow
from finery_plugins.observe.openlineage import OpenLineage
from finery_plugins.observe.tensorboard import TensorBoard

OBSERVERS = [
    JsonLines(path="x"),
    TensorBoard(),
    MlFlow(uri="http://127.0.0.1:5000"),
    OpenLineage(url="http://127.0.0.1:5000"),
]


@pytest.mark.parametrize("observer", OBSERVERS, ids=lambda observer: type(observer).__name__)
def test_the_contract_of_observers_holds(observer: object) -> None:
    report = check(observer)
    assert "observer-binds" in [one.check for one in report.results]
    assert [(one.check, one.faults, one.skipped) for one in report.results if one.faults or one.skipped] == []


@plugin
class Deaf:
    """Hear of things that there are not."""

    @hookimpl
    def metric(self, stag: str) -> None:
        """Ask for an argument that is misspelt."""


def test_an_observer_that_asks_for_what_there_is_not_is_found() -> None:
    (fault,) = check(Deaf()).faults
    assert "stag" in fault.fault
