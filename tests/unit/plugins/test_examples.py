"""The example in each plugin's docstring is a stage that can be built."""

from __future__ import annotations

import importlib
import re
import tomllib
from importlib.metadata import EntryPoint, entry_points

import pytest

VERBS = ("filter", "score", "dedupe", "mix", "format")
PLUGINS = [
    point
    for verb in VERBS
    for point in entry_points(group=f"finery.{verb}")
    if point.value.startswith("finery_plugins.")
]


@pytest.mark.parametrize("point", PLUGINS, ids=lambda point: f"{point.group}-{point.name}")
def test_the_example_builds(point: EntryPoint) -> None:
    module, _, name = point.value.partition(":")
    plugin = getattr(importlib.import_module(module), name)
    examples = re.findall(r"```toml\n(.*?)```", plugin.__doc__, re.DOTALL)
    verb = point.group.removeprefix("finery.")
    stages = [stage for example in examples for stage in tomllib.loads(example)["stage"]]
    own = [stage for stage in stages if stage.pop(verb, None) == point.name]
    assert own
    for stage in own:
        plugin(**stage)
