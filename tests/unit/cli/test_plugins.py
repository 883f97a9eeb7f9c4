"""`finery plugins`: a list from metadata, a page for each plugin."""

from __future__ import annotations

import tomllib
from typing import Any

import click
import pytest
from workshop import Workshop

from finery.cli.options import as_toml, example, options
from finery.errors import UsageError


def test_the_list_names_hook_package_and_version(workshop: Workshop) -> None:
    rows = workshop.json("plugins", "list")
    length = {"hook": "filter", "name": "length", "package": "finery", "version": "0.1.0"}
    assert any(length.items() <= row.items() for row in rows)
    assert {row["hook"] for row in workshop.json("plugins", "list", "--hook", "mix")} == {"mix"}


def test_a_plugin_s_page_has_documentation_options_and_an_example(workshop: Workshop) -> None:
    lines = workshop.lines("plugins", "show", "ratio")
    assert lines[0] == "mix ratio (finery 0.1.0, finery_plugins.mix.ratio:Ratio)"
    assert any(line.startswith("max_epochs number 1.0 > 0 ") for line in lines)
    assert any(line.startswith("shares table of number required") for line in lines)
    assert "[[stage]]" in lines


def test_a_page_as_json_says_everything_the_plugin_says_of_itself(workshop: Workshop) -> None:
    (page,) = workshop.json("plugins", "show", "length")
    assert page["summary"].startswith("Drop documents")
    assert page["hooks"] == ["filter"]
    assert page["manifest"]["needs"]["extra"] == "text"
    option = next(option for option in page["options"] if option["name"] == "min_words")
    assert (option["type"], option["default"], option["bounds"], option["required"]) == (
        "whole number",
        1,
        ">= 0",
        False,
    )


def test_a_name_of_two_hooks_has_two_pages(workshop: Workshop) -> None:
    assert [page["hook"] for page in workshop.json("plugins", "show", "language")] == ["filter", "score"]
    assert [page["hook"] for page in workshop.json("plugins", "show", "language", "--hook", "score")] == ["score"]


def test_a_class_of_one_s_own_has_a_page(workshop: Workshop) -> None:
    (page,) = workshop.json("plugins", "show", "crafts:Short", "--hook", "filter")
    assert (page["package"], page["example"]) == (None, '[[stage]]\nfilter = "crafts:Short"\n# least = 4')


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("show", "lenght"), "did you mean 'length'"),
        (("show", "length", "--hook", "score"), "no such plugin"),
        (("list", "--hook", "filtr"), "did you mean 'filter'"),
        (("show", "crafts:Short"), "add --hook"),
    ],
)
def test_what_is_not_there_is_a_usage_error(workshop: Workshop, words: tuple[str, ...], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        workshop.ask("plugins", *words)


def test_a_verb_of_its_own_is_asked_for(workshop: Workshop) -> None:
    with pytest.raises(click.UsageError):
        workshop.ask("plugins", "shw", "length")


def test_every_installed_plugin_has_an_example_that_is_toml(workshop: Workshop) -> None:
    names = [(row["name"], row["hook"]) for row in workshop.json("plugins", "list")]
    pages = [workshop.json("plugins", "show", name, "--hook", hook)[0] for name, hook in names]
    for page in pages:
        table = tomllib.loads(page["example"])
        assert page["name"] in (table.get("stage") or table.get("observer"))[0].values()


NESTED: dict[str, Any] = {
    "properties": {
        "method": {"anyOf": [{"const": "full"}, {"$ref": "#/$defs/Lora"}], "default": "full", "description": "How."},
        "names": {"type": "array", "items": {"type": "string"}, "minItems": 1},
        "kind": {"enum": ["a", "b"]},
    },
    "required": ["names", "kind"],
}
LORA = {"properties": {"rank": {"type": "integer", "minimum": 1, "default": 16}}, "required": []}


def test_options_inside_tables_stand_behind_them() -> None:
    found = {option.name: option for option in options(NESTED, {"Lora": LORA})}
    assert list(found) == ["method", "method.rank", "names", "kind"]
    assert (found["method"].type, found["method.rank"].bounds) == ('"full" or anything', ">= 1")
    assert (found["names"].type, found["names"].bounds, found["kind"].type) == (
        "list of text",
        "at least 1",
        '"a" or "b"',
    )


def test_an_example_gives_what_is_required_and_shows_the_rest() -> None:
    assert example("filter", "x", NESTED, "").splitlines() == [
        "[[stage]]",
        'filter = "x"',
        "names = []",
        'kind = "a"',
        '# method = "full"',
    ]


@pytest.mark.parametrize("value", [1, 1.5, True, 'a "b"', [1, 2], {"a": {"b": [1]}}, {}, "é"])
def test_values_are_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"x = {as_toml(value)}") == {"x": value}
