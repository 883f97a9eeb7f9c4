"""A cluster's facts held against this environment: what is told before anything starts, and what goes along."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path
from typing import Any

import pytest

from finery.config import Pipeline, read_pipeline
from finery.lock.making import make_lock
from finery.submit.agreement import agree
from finery.submit.carrying import files_of, is_portable
from finery.submit.facts import facts

STAGES = 'source = [{ name = "a", path = "a.jsonl" }]\nstage = [{ filter = "language", keep = ["en"] }]\n'


@pytest.fixture
def pipeline(tmp_path: Path) -> Pipeline:
    """A pipeline of built-ins."""
    (tmp_path / "pipeline.toml").write_text(STAGES)
    return read_pipeline(tmp_path / "pipeline.toml")


@pytest.fixture(scope="module")
def here() -> dict[str, Any]:
    """What this environment has."""
    return facts(["finery"])


def told(pipeline: Pipeline, there: dict[str, Any]) -> list[str]:
    """The faults, as the reader sees them."""
    return [str(fault) for fault in agree(pipeline, there).faults]


def with_versions(here: dict[str, Any], **versions: str | None) -> dict[str, Any]:
    """The facts with other versions; None for a distribution that is not there."""
    changed = {**here["distributions"], **versions}
    return {**here, "distributions": {name: version for name, version in changed.items() if version}}


def test_a_cluster_like_this_environment_is_agreed_on_and_nothing_goes_along(pipeline: Pipeline, here: Any) -> None:
    agreed = agree(pipeline, here)
    assert agreed.faults == [] and agreed.ship == []


def test_another_python_is_told(pipeline: Pipeline, here: Any) -> None:
    (fault,) = told(pipeline, {**here, "python": "3.9.1"})
    assert fault.startswith("Python: the cluster has 3.9.1, here is 3.") and "submit from Python 3.9" in fault


@pytest.mark.parametrize("name", ["finery", "ray"])
def test_another_version_is_told_with_both_remedies(pipeline: Pipeline, here: Any, name: str) -> None:
    (fault,) = told(pipeline, with_versions(here, **{name: "0.0.7"}))
    mine = metadata.version(name)
    assert fault == (
        f"{name}: the cluster has 0.0.7, here is {mine}: "
        f"pip install '{name}=={mine}' on every node of the cluster, or '{name}==0.0.7' here"
    )


def test_a_library_of_an_extra_that_is_not_there_is_told(pipeline: Pipeline, here: Any) -> None:
    (fault,) = told(pipeline, with_versions(here, py3langid=None))
    assert fault.startswith("py3langid: the cluster does not have it: pip install 'py3langid==")


def test_what_the_lock_pins_and_the_cluster_has_otherwise_is_told_with_its_line(pipeline: Pipeline, here: Any) -> None:
    pipeline.file.with_name("finery.lock").write_text(make_lock([pipeline])[0])
    (fault,) = told(pipeline, with_versions(here, numpy="1.0"))
    assert fault.startswith("finery.lock:") and "the cluster has 1.0: finery install --locked on every node" in fault


def test_a_distribution_is_the_files_of_its_record_with_its_metadata() -> None:
    files = files_of(metadata.distribution("xxhash"))
    assert "xxhash/__init__.py" in files and any(name.endswith(".dist-info/RECORD") for name in files)
    assert all(path.is_file() for path in files.values())


def test_an_editable_distribution_is_its_packages_with_its_metadata() -> None:
    files = files_of(metadata.distribution("finery"))
    assert "finery/plan.py" in files and any(name.endswith(".dist-info/entry_points.txt") for name in files)
    assert not [name for name in files if name.endswith(".pth")]


def test_what_is_compiled_goes_only_where_platform_and_python_are_the_same(here: dict[str, Any]) -> None:
    compiled, pure = metadata.distribution("xxhash"), metadata.distribution("pluggy")
    assert is_portable(compiled, here) and is_portable(pure, here)
    for other in ({**here, "platform": "linux-aarch64"}, {**here, "python": "3.9.1"}):
        assert is_portable(pure, other) and not is_portable(compiled, other)
