"""pip, wherever it comes from."""

from __future__ import annotations

import importlib.util
import subprocess
from importlib.machinery import ModuleSpec

import pytest

from finery import FineryError
from finery_registry.pip import Pip, pip_for, told


def test_without_a_pip_the_one_that_python_brings_works_on_the_environment(
    python: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = importlib.util.find_spec

    def without_pip(name: str, package: str | None = None) -> ModuleSpec | None:
        return None if name == "pip" else found(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without_pip)
    monkeypatch.setenv("PATH", "")
    command = pip_for(python)
    assert ".whl" in command[1]
    done = subprocess.run([*command, "list", "--format=freeze"], capture_output=True, text=True, check=True)
    assert "finery==" in done.stdout


def test_pip_s_own_words_are_the_reason(python: str) -> None:
    with pytest.raises(FineryError, match=r"pip: Could not find a version that satisfies .* no-such-thing"):
        Pip(python).run("install", "--no-index", "no-such-thing")


def test_what_a_conflict_is_caused_by_is_told() -> None:
    output = (
        "The conflict is caused by:\n    a 1.0 depends on b>2\n    The user requested (constraint) b==1\n\nERROR: No.\n"
    )
    assert told(output) == "No. a 1.0 depends on b>2 The user requested (constraint) b==1"
    assert told("one\nlast\n") == "last"
