"""Options of how a stage runs do not count, wherever they stand."""

from typing import Annotated, Any

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from finery import Batch, Running, hookimpl, plugin
from finery.runningoptions import lasting

SETTINGS = ConfigDict(extra="forbid", use_attribute_docstrings=True)


@dataclass(frozen=True, config=SETTINGS)
class Server:
    """A server."""

    url: str = "http://localhost"
    """Where it is."""
    retries: Annotated[int, Field(ge=0), Running] = 6
    """How often to ask again."""


@plugin
class Asking:
    """Ask a server."""

    words: int = 3
    """What counts."""
    threads: Annotated[int | None, Running] = None
    """What does not."""
    server: Annotated[Server | None, Field(description="Whom to ask.")] = None

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        return batch


def counted(**options: Any) -> dict[str, Any]:
    """What counts of some options."""
    return lasting(Asking, options)


def test_marked_options_are_left_out() -> None:
    assert counted(words=4, threads=9) == {"words": 4}


def test_marked_options_of_nested_tables_are_left_out() -> None:
    assert counted(server={"url": "x", "retries": 9}) == {"server": {"url": "x"}}
    assert counted(server=None) == {"server": None}


def test_options_keep_their_bounds_and_defaults() -> None:
    assert Asking(server={"retries": 2}).server == Server(retries=2)  # type: ignore[arg-type]
