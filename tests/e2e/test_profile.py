"""A profile of real files: its figures are those of the data, and the pipeline that it writes runs."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from places import Place

from finery.cli.profile import profile

SAID = (
    "the people of this small town have been proud of their old mill and with good reason it was built to last "
    "that is what every child learns in school when the river comes up in spring"
)
WORDS = SAID.split()


def prose(chance: random.Random, number: int) -> str:
    """A document of some sentences."""
    lines = [" ".join(chance.sample(WORDS, 12)) + "." for _ in range(4 + number % 9)]
    return f"Chapter {number}. " + " ".join(lines)


@pytest.fixture
def data(place: Place) -> Place:
    """Documents: 120 of prose, 10 copies, 20 short ones, 5 with an address, 30 in German, a broken line."""
    chance = random.Random(4)
    texts = [prose(chance, number) for number in range(120)]
    german = "Die Leute in der kleinen Stadt sind stolz auf ihre alte Mühle und erzählen jedem Kind davon. "
    mails = [f"{prose(chance, 200 + number)} Write to someone{number}@example.org." for number in range(5)]
    everything = [
        *texts,
        *texts[:10],
        *(f"short {n}" for n in range(20)),
        *mails,
        *(german * (n + 2) for n in range(30)),
    ]
    rows = [json.dumps({"text": text, "empty": None if n % 2 else ""}) for n, text in enumerate(everything)]
    place.write("data/general.jsonl", "\n".join([*rows, '{"text": "half']) + "\n")
    return place


def told(place: Place, *words: str) -> Any:
    """A profile's figures."""
    return json.loads(ask(place, *words, "--json"))


def ask(place: Place, *words: str) -> str:
    """What the verb prints."""
    source = str(place.folder / "data/general.jsonl")
    arguments = [*words] if words and not words[0].startswith("--") else [source, *words]
    done = CliRunner().invoke(profile, arguments, catch_exceptions=False, standalone_mode=False, env={"COLUMNS": "80"})
    assert done.exception is None, done.exception
    return done.stdout


def test_the_figures_are_those_of_the_data(data: Place) -> None:
    [found] = told(data)["sources"]
    assert (found["name"], found["shape"], found["read"], found["failed"]) == ("general", "text", 186, 1)
    assert (found["records"], found["sampled"]) == (185, 185)
    assert found["faults"] == {"not-json": 1}
    assert found["example"].split(":")[1] == "186"
    assert found["columns"][1] == {"name": "empty", "type": "text", "records": 185, "nulls": 92, "empty": 93}
    assert found["languages"]["de"] == 30
    assert found["personal"] == {"pii": 5, "pii_email": 5}
    assert found["duplicates"]["exact"] == 10
    assert found["words"]["least"] == 2


def test_each_rule_set_is_asked_alone_with_examples_of_both_sides(data: Place) -> None:
    rules = told(data, "--samples", "2")["sources"][0]["rules"]
    gopher = rules["gopher"]
    assert gopher["reasons"]["few-words"] >= 20
    assert gopher["records"] == 185
    assert sum(gopher["reasons"].values()) == gopher["dropped"]
    assert (len(gopher["drops"]), len(gopher["keeps"])) == (2, 2)
    assert all(example["reason"] for example in gopher["drops"])
    assert all(example["reason"] is None for example in gopher["keeps"])


def test_what_a_rule_set_would_drop_is_what_a_run_drops(data: Place) -> None:
    rules = told(data)["sources"][0]["rules"]
    for name in ("gopher", "c4"):
        text = f'[[source]]\nname = "general"\npath = "data/general.jsonl"\n[[stage]]\nfilter = "{name}"\n'
        data.pipeline(text)
        assert data.good()[name]["sources"]["general"]["reasons"] == rules[name]["reasons"]


def test_a_sample_is_about_as_large_as_asked_and_always_the_same(data: Place) -> None:
    first, second = (told(data, "--records", "60")["sources"][0] for _ in range(2))
    assert 30 < first["sampled"] < 90
    assert first == second
    assert first["records"] == 185


def test_the_page_keeps_to_80_columns_and_names_every_part(data: Place) -> None:
    page = ask(data, "--records", "60")
    assert max(map(len, page.splitlines())) <= 80
    for part in ("words a record", "languages", "duplicates", "personal data", "rule set", "dropped", "cannot be read"):
        assert part in page, page


def test_the_first_pipeline_has_its_figures_and_runs(data: Place) -> None:
    file = data.folder / "pipeline.toml"
    out = ask(data, "--write", str(file))
    assert f"wrote {file}" in out
    text = file.read_text()
    assert "# Words of general: 1 % of the records have up to" in text
    assert 'path = "' in text
    assert 'dedupe = "minhash"' in text
    manifests = data.good()
    assert manifests["exact"]["sources"]["general"]["kept"] > 0
    assert data.runs() == []


def test_the_sources_of_a_pipeline_file_are_profiled(data: Place) -> None:
    (data.folder / "data" / "b.txt").write_text("one line\nanother line\n")
    first = '[[source]]\nname = "a"\npath = "data/general.jsonl"\n'
    data.pipeline(f'{first}[[source]]\nname = "b"\npath = "data/b.txt"\nkind = "lines"\n')
    found = told(data, str(data.folder / "pipeline.toml"))["sources"]
    assert [(source["name"], source["records"]) for source in found] == [("a", 185), ("b", 2)]


def test_the_work_can_be_kept_and_is_taken_up_again(data: Place, tmp_path: Path) -> None:
    work = tmp_path / "work"
    told(data, "--work", str(work))
    kept = sorted((work / ".finery" / "artifacts").iterdir())
    told(data, "--work", str(work))
    assert sorted((work / ".finery" / "artifacts").iterdir()) == kept


def test_a_source_that_is_not_there_is_told_in_a_line(data: Place) -> None:
    done = CliRunner().invoke(profile, ["nothing.jsonl"])
    assert "no file matches 'nothing.jsonl'" in str(done.exception)
