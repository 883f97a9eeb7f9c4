"""Every built-in observer is declared as a plugin should be, and listens to hooks that there are."""

from __future__ import annotations

import pytest

from finery.kernel import relay
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
DECLARED = ("plugin-class", "summary", "options-documented", "options-schema", "options-json", "options-pickle")


@pytest.mark.parametrize("observer", OBSERVERS, ids=lambda observer: type(observer).__name__)
def test_the_declaration_holds(observer: object) -> None:
    found = {one.check: one for one in check(observer).results if one.check in DECLARED}
    assert set(found) == set(DECLARED)
    assert [(one.check, one.faults, one.skipped) for one in found.values() if one.faults or one.skipped] == []


@pytest.mark.parametrize("observer", OBSERVERS, ids=lambda observer: type(observer).__name__)
def test_it_can_be_told_of_a_run(observer: object) -> None:
    assert relay([observer]).run_finished.get_hookimpls()
