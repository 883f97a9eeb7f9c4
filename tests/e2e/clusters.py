"""Ray clusters for tests, of several nodes on this machine: see `examples/cluster/local.py`, which makes them.

    from clusters import cluster  # a fixture: two nodes of one CPU, up for a module's tests; no job server

    def test_a_lost_node_costs_nothing(cluster: Cluster) -> None:
        local.kill(cluster, "node-1")
        local.add(cluster)

Its token and addresses stand in the environment while it is up, so that drivers in this process find it, by
`cluster.address`, and so do commands in others.
"""

from __future__ import annotations

import importlib.util
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "cluster"


def example(name: str) -> ModuleType:
    """A module of the example, which is no package."""
    spec = importlib.util.spec_from_file_location(f"cluster_{name}", EXAMPLE / f"{name}.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


local = example("local")

PATIENT = {"RAY_health_check_failure_threshold": "60"}
"""For tests that lose no node: none is taken for lost because a busy machine let it wait."""

TOKEN = secrets.token_hex(32)
"""All clusters of a process share it: their clients may outlive a test that they served."""


@contextmanager
def running(folder: Path, **options: Any) -> Iterator[Any]:
    """A `local.Cluster` that is up meanwhile; options are those of `local.up`."""
    made = local.up(folder, token=TOKEN, **options)
    try:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in made.environment.items():
                patch.setenv(name, value)
            forget()
            yield made
    finally:
        disconnect()
        forget()
        local.down(made)


def forget() -> None:
    """Let Ray read its token anew: it keeps the first that it reads in a process, that of a cluster of its own too."""
    if "ray" in sys.modules:
        from ray._raylet import AuthenticationTokenLoader, Config

        Config.initialize("")
        AuthenticationTokenLoader.instance().reset_cache()


def disconnect() -> None:
    """Let go of Ray in this process, so that the next test may join another cluster."""
    if (ray := sys.modules.get("ray")) is not None:
        ray.shutdown()


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """Two nodes of one CPU, up for a module's tests, without a job server."""
    with running(tmp_path_factory.mktemp("cluster"), jobs=False) as made:
        yield made
