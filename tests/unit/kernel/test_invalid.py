"""What is wrong with options is told once, by the words of the file, and without secrets."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import pytest
from pydantic import ConfigDict, Field, ValidationError
from pydantic.dataclasses import dataclass

from finery.invalid import Told, told

SETTINGS = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=SETTINGS)
class Server:
    url: str
    key: Annotated[str, Field(pattern="^[A-Z]+$")] | None = None


@dataclass(frozen=True, config=SETTINGS)
class Lora:
    rank: Annotated[int, Field(ge=1)] = 8


@dataclass(frozen=True, config=SETTINGS)
class LoraMethod:
    lora: Lora


@dataclass(frozen=True, config=SETTINGS)
class FreezeMethod:
    freeze: int


@dataclass(frozen=True, config=SETTINGS)
class Options:
    method: Literal["full"] | LoraMethod | FreezeMethod = "full"
    server: Server | None = None
    words: int = 3


def faults(**options: Any) -> list[Told]:
    """What is said of some options."""
    with pytest.raises(ValidationError) as caught:
        Options(**options)
    return list(told(caught.value, ["method", "server", "words"]))


def test_a_misspelt_option_has_its_neighbours() -> None:
    ((words, fault, remedy),) = faults(word=1)
    assert (words, fault) == (("word",), "unknown option 'word' (did you mean 'words'?)")
    assert remedy == "options are method, server, words"


def test_an_option_in_a_table_is_told_with_the_table() -> None:
    missing, unknown = faults(server={"ulr": "x"})
    assert missing[1] == "option 'server.url' is missing"
    assert unknown[1] == "unknown option 'server.ulr'"


def test_of_several_forms_the_one_that_was_meant_is_told() -> None:
    ((words, fault, _),) = faults(method={"lora": {"rnk": 3}})
    assert (words, fault) == (("method",), "unknown option 'method.lora.rnk'")
    assert [f for _, f, _ in faults(method={"lora": {"rank": 0}})] == [
        "method.lora.rank: Input should be greater than or equal to 1, not 0"
    ]


@pytest.mark.parametrize(("given", "meant"), [("ful", "full"), ({"lor": {}}, "lora")])
def test_what_is_none_of_the_forms_is_told_once(given: Any, meant: str) -> None:
    ((_, fault, remedy),) = faults(method=given)
    assert f"(did you mean '{meant}'?)" in fault
    assert remedy.startswith("it is 'full' or a table")


def test_a_secret_is_not_shown() -> None:
    ((_, fault, _),) = faults(server={"url": "x", "key": "sk-abc"})
    assert "server.key" in fault and "sk-abc" not in fault
