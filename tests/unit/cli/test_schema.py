"""`finery schema`: what it accepts, the kernel reads; what is a fault there is a fault here."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from workshop import PIPELINE, Workshop

from finery.catalog import Entry, entries
from finery.errors import UsageError
from finery.schema import pipeline_schema

HEAD = '[[source]]\nname = "a"\npath = "a.jsonl"\n'


@pytest.fixture(scope="module")
def schema() -> Mapping[str, Any]:
    """The schema of what is installed."""
    return pipeline_schema()


def accepts(schema: Mapping[str, Any], text: str) -> bool:
    """Whether the schema accepts a pipeline file."""
    return bool(Draft202012Validator(schema).is_valid(tomllib.loads(text)))


def test_the_schema_is_one(schema: Mapping[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    assert "$comment" not in schema


@pytest.mark.parametrize(
    "text",
    [
        PIPELINE,
        f'{HEAD}[[stage]]\nfilter = "length"\nmin_words = 3\nid = "x"\nonly = ["a"]\nmax_bad = 0.5\n',
        f'{HEAD}[[stage]]\ndedupe = "exact"\nprefer = "-quality"\n',
        f'{HEAD}[[stage]]\nmix = "ratio"\nshares = {{ a = 1 }}\n',
        f'{HEAD}[[stage]]\ntrain = "sft"\nmodel = "x/y"\nmethod = {{ lora = {{ rank = 4 }} }}\n',
        f'{HEAD}[[stage]]\nscore = "my.own:Class"\nanything = [1, {{ x = 2 }}]\n',
        f'{HEAD}[[stage]]\nfilter = "length"\n[[observer]]\nuse = "jsonlines"\noptions = {{ path = "x" }}\n',
        'seed = 1\n[[source]]\nname = "a"\nquery = "select 1"\n[[stage]]\nfilter = "length"\n[run]\nworkers = 2\n',
        '[[source]]\nname = "a"\npath = ["x", "y"]\nkind = "jsonl"\n[[stage]]\nfilter = "length"\n',
    ],
)
def test_a_good_pipeline_is_accepted(schema: Mapping[str, Any], text: str) -> None:
    assert accepts(schema, text)


@pytest.mark.parametrize(
    "text",
    [
        HEAD,
        '[[stage]]\nfilter = "length"\n',
        f'typo = 1\n{HEAD}[[stage]]\nfilter = "length"\n',
        f'seed = "x"\n{HEAD}[[stage]]\nfilter = "length"\n',
        f'{HEAD}[[stage]]\nfilter = "lenght"\n',
        f'{HEAD}[[stage]]\nfiltr = "length"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nmin_word = 3\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nmin_words = -3\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nmin_words = "x"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nprefer = "x"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nmodel = "x"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nonly = "a"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\non_error = "ignore"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\nscore = "statistics"\n',
        f'{HEAD}[[stage]]\nfilter = "a:B"\nscore = "a:B"\n',
        f'{HEAD}[[stage]]\nfilter = "a:B"\nmodel = "x"\n',
        f'{HEAD}[[stage]]\nmix = "ratio"\n',
        f'{HEAD}[[stage]]\ntrain = "sft"\nmethod = {{ lora = {{ rnk = 4 }} }}\n',
        '[[source]]\nname = "a"\n[[stage]]\nfilter = "length"\n',
        '[[source]]\nname = "a"\npath = "x"\nquery = "y"\n[[stage]]\nfilter = "length"\n',
        '[[source]]\nname = "a"\npath = "x"\nkind = "doc"\n[[stage]]\nfilter = "length"\n',
        '[[source]]\nname = "a b"\npath = "x"\n[[stage]]\nfilter = "length"\n',
        f'{HEAD}[[stage]]\nfilter = "length"\n[run]\nworkers = 0\n',
        f'{HEAD}[[stage]]\nfilter = "length"\n[[observer]]\nuse = "jsonlines"\n',
    ],
)
def test_a_faulty_pipeline_is_refused(schema: Mapping[str, Any], text: str) -> None:
    assert not accepts(schema, text)


def test_options_carry_documentation_bounds_and_defaults(schema: Mapping[str, Any]) -> None:
    stages = schema["properties"]["stage"]["items"]["oneOf"]
    length = next(
        stage for stage in stages if stage["properties"].get("filter", {}) and stage["title"].endswith('"length"')
    )
    assert length["properties"]["min_words"] == {
        "type": "integer",
        "minimum": 0,
        "default": 1,
        "description": length["properties"]["min_words"]["description"],
    }
    assert "Gopher" in length["properties"]["min_words"]["description"]


def test_a_plugin_that_cannot_be_imported_is_left_out_and_named() -> None:
    broken = Entry("gone", "filter", "nowhere.at.all:Gone", "acme", "1.0")
    schema = pipeline_schema([*entries(["filter"]), broken])
    assert "filter 'gone' (acme 1.0) is left out: there is no module" in schema["$comment"]
    assert not accepts(schema, f'{HEAD}[[stage]]\nfilter = "gone"\n')
    assert accepts(schema, f'{HEAD}[[stage]]\nfilter = "length"\n')


def test_a_name_that_two_packages_claim_is_left_out_and_named() -> None:
    rival = Entry("length", "filter", "crafts:Short", "acme", "1.0")
    schema = pipeline_schema([*entries(["filter"]), rival])
    assert schema["$comment"].count("two packages claim the name") == 2
    assert not accepts(schema, f'{HEAD}[[stage]]\nfilter = "length"\n')


def test_the_verb_prints_it_or_writes_it(workshop: Workshop, tmp_path: Path, schema: Mapping[str, Any]) -> None:
    assert json.loads(workshop.ask("schema")) == schema
    assert workshop.ask("schema", "--out", str(tmp_path / "s.json")) == ""
    assert json.loads((tmp_path / "s.json").read_text()) == schema
    with pytest.raises(UsageError, match="cannot be written"):
        workshop.ask("schema", "--out", str(tmp_path / "no/s.json"))
