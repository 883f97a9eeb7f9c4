"""A pipeline file that cannot be carried out: exit code 2, a line a fault with its place and remedy, nothing broken."""

from __future__ import annotations

from pathlib import Path

import pytest
from places import Place

SOURCE = '[[source]]\nname = "a"\npath = "a.jsonl"\n'
GOOD = SOURCE + '[[stage]]\nfilter = "length"\nmin_words = 1\n'


@pytest.fixture
def good(place: Place) -> Place:
    """A folder with input for the pipelines here."""
    place.jsonl("a.jsonl", [{"text": f"a short text {number}"} for number in range(20)])
    return place


def fails(place: Place, pipeline: str | bytes, *said: str, code: int = 2, settings: tuple[str, ...] = ()) -> list[str]:
    """Run a pipeline that must fail and say something; then a good one in the same work folder. What it said."""
    place.write("pipeline.toml", pipeline)
    outcome = place.run(*[word for setting in settings for word in ("--set", setting)])
    place.write("pipeline.toml", GOOD)
    place.good()
    assert outcome.code == code, outcome
    assert outcome.out == ""
    assert "Traceback" not in outcome.err
    for part in said:
        assert part in outcome.err
    return outcome.err.splitlines()


STAGES = {
    "unknown verb": ('fliter = "length"', "toml:5: stage 1: 'fliter' is no verb (did you mean 'filter'?): open with"),
    "two verbs": ('filter = "length"\nscore = "statistics"', "stage 1: has two verbs: filter, score"),
    "no verb": ("min_words = 3", "stage 1: 'min_words' is no verb"),
    "unknown plugin": ('filter = "lenght"', "toml:5: unknown filter 'lenght' (did you mean 'length'?): installed are"),
    "plugin of another hook": ('score = "length"', "unknown score 'length'"),
    "plugin is no text": ("filter = 3", "toml:5: filter: name a plugin, not 3"),
    "unknown option": (
        'filter = "length"\nmin_word = 3',
        "pipeline.toml:6: filter 'length': unknown option 'min_word' (did you mean 'min_words'?): options are",
    ),
    "wrong type": ('filter = "length"\nmin_words = "five"', "toml:6: filter 'length': min_words: Input should be"),
    "out of bounds": (
        'filter = "length"\nmin_words = -1',
        "toml:6: filter 'length': min_words: Input should be greater",
    ),
    "missing option": ('mix = "ratio"', "toml:4: mix 'ratio': option 'shares' is missing"),
    "unknown source": (
        'filter = "length"\nonly = ["aa"]',
        "toml:6: unknown source 'aa' (did you mean 'a'?): sources are",
    ),
    "prefer elsewhere": ('filter = "length"\nprefer = "x"', "toml:6: 'prefer' has no meaning in a filter stage"),
    "kernel word of a wrong type": ('filter = "length"\non_error = "no"', "toml:6: filter 'length': on_error: Input"),
    "id with spaces": ('filter = "length"\nid = "a b"', "toml:6: filter 'length': id: String should match pattern"),
    "no module": ('filter = "nowhere:Filter"', "there is no module 'nowhere': is it beside the pipeline file"),
    "no class": ('filter = "tiny:Filter"', "tiny:Filter: has no 'Filter'"),
    "a class of another hook": ('score = "tiny:Short"', "does not implement 'score': it implements filter"),
    "two stages of one id": (
        'filter = "length"\nid = "x"\n[[stage]]\nfilter = "length"\nid = "x"',
        "toml:9: stage id 'x' stands twice: give one another id",
    ),
    "misspelt model": (
        'train = "pretrain"\nid = "base"\n[[stage]]\nevaluate = "perplexity"\nmodel = "bass"',
        "unknown model 'bass' (did you mean 'base'?): trained before are base",
    ),
}


@pytest.mark.parametrize("name", STAGES)
def test_a_bad_stage(good: Place, name: str) -> None:
    stage, said = STAGES[name]
    fails(good, f"{SOURCE}[[stage]]\n{stage}\n", said)


SOURCES = {
    "unknown key": ('name = "a"\npth = "a.jsonl"', "toml:3: source: unknown option 'pth' (did you mean 'path'?)"),
    "no name": ('path = "a.jsonl"', "toml:1: source: option 'name' is missing"),
    "nothing to read": ('name = "a"', "source 'a': give one of 'path', 'dataset' and 'query'"),
    "two to read": ('name = "a"\npath = "a.jsonl"\nquery = "select 1"', "source 'a': give one of"),
    "two sources of one name": (
        'name = "a"\npath = "a.jsonl"\n[[source]]\nname = "a"\npath = "a.jsonl"',
        "toml:5: source 'a' stands twice: give it another name",
    ),
    "missing file": ('name = "a"\npath = "b.jsonl"', "source 'a': no file matches 'b.jsonl' (did you mean 'a.jsonl'?)"),
    "glob without match": (
        'name = "a"\npath = "data/*.jsonl"',
        "no file matches 'data/*.jsonl': paths are relative to",
    ),
    "a folder": ('name = "a"\npath = "."', "'.' is a folder: name its files"),
    "suffix that says nothing": ('name = "a"\npath = "tiny.py"', "the suffix of 'tiny.py' does not say its kind"),
    "unknown kind": ('name = "a"\npath = "a.jsonl"\nkind = "xml"', "toml:4: source: kind: Input should be"),
    "unknown shape": ('name = "a"\npath = "a.jsonl"\nshape = "poem"', "toml:4: source: shape: Input should be"),
    "unknown column": (
        'name = "a"\npath = "a.jsonl"\ncolumns = { text = "texts" }',
        "columns: there is no 'texts' (did you mean 'text'?): there is 'text'",
    ),
    "max_bad out of bounds": ('name = "a"\npath = "a.jsonl"\nmax_bad = 2', "toml:4: source: max_bad: Input should be"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_bad_source(good: Place, name: str) -> None:
    source, said = SOURCES[name]
    fails(good, f'[[source]]\n{source}\n[[stage]]\nfilter = "length"\n', said)


FILES = {
    "unknown key": (f'nmae = "x"\n{GOOD}', "pipeline.toml:1: unknown key 'nmae' (did you mean 'name'?): keys are"),
    "not TOML": (f"{GOOD}[[stage]\n", "pipeline.toml:7: not TOML: "),
    "not UTF-8": (b'name = "\xff"\n', "cannot be read: 'utf-8' codec can't decode byte 0xff"),
    "empty": ("", "pipeline.toml: there is no source: add [[source]] with name and path"),
    "no stage": (SOURCE, "pipeline.toml: there is no stage: add [[stage]] with a verb"),
    "stages as a table": (
        f'{SOURCE}[stage]\nfilter = "length"\n',
        "toml:4: 'stage' is a list of tables: write [[stage]]",
    ),
    "stages as texts": (f'stage = ["length"]\n{SOURCE}', "stage 1: '' is no verb"),
    "name of a wrong type": (f"name = 3\n{GOOD}", "toml:1: 'name' must be a text"),
    "seed of a wrong type": (f'seed = "x"\n{GOOD}', "toml:1: 'seed' must be a whole number"),
    "unknown word in run": (
        f"{GOOD}[run]\nworker = 2\n",
        "toml:8: [run]: unknown option 'worker' (did you mean 'workers'?)",
    ),
    "unknown observer": (
        f'{GOOD}[[observer]]\nuse = "jsonline"\n',
        "unknown observe 'jsonline' (did you mean 'jsonlines'?)",
    ),
}


@pytest.mark.parametrize("name", FILES)
def test_a_bad_file(good: Place, name: str) -> None:
    text, said = FILES[name]
    fails(good, text, said)


def test_every_fault_is_told_at_once(good: Place) -> None:
    stages = '[[stage]]\nfilter = "lenght"\n[[stage]]\nfilter = "length"\nmin_word = 3\nmax_words = -1\n'
    text = f'nmae = "x"\n{SOURCE}{stages}'
    lines = fails(good, text)
    assert [line.partition(": ")[0] for line in lines] == [f"pipeline.toml:{n}" for n in (1, 6, 9, 10)]


def test_a_pipeline_file_that_is_not_there(good: Place) -> None:
    outcome = good.run()
    assert outcome.code == 2
    assert "pipeline.toml: there is no such file: name a pipeline.toml" in outcome.err
    assert not good.root.exists()


SETTINGS = {
    "lenght.min_words=3": "--set lenght.min_words=3: no stage 'lenght' (did you mean 'length'?): there are ",
    "length.min_words": "--set length.min_words: has no '=': write stage.option=value",
    "length=3": "--set length=3: names no option: write stage.option=value",
    "length.min_words.x=3": "--set length.min_words.x=3: names no option",
    "length.min_words.x.y=3": "--set length.min_words.x.y=3: names no option",
    "length.min_word=3": "filter 'length': unknown option 'min_word' (did you mean 'min_words'?)",
    "length.min_words=many": "filter 'length': min_words: Input should be a valid integer",
    "run.memory_gb=0": "[run]: memory_gb: Input should be greater than 0",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_a_bad_setting(good: Place, setting: str) -> None:
    fails(good, GOOD, SETTINGS[setting], settings=(setting,))


MODULES = {
    "syntax error": ("class Filter(:\n", 2, "filter 'bad:Filter' (local): cannot be imported: SyntaxError"),
    "missing library": ("import not_there_at_all\n", 2, "needs the library 'not_there_at_all': pip install"),
    "raises": ("1 / 0\n", 2, "cannot be imported: ZeroDivisionError: division by zero"),
    "exits": ("import sys\nsys.exit(3)\n", 2, "cannot be imported: SystemExit"),
    "no plugin": ("class Filter:\n    pass\n", 2, "Filter: is not a plugin: put @plugin above the class"),
    "newer": (
        "from finery import plugin\n@plugin(api=99)\nclass Filter:\n    pass\n",
        2,
        "was written for plugin API 99: this Finery knows up to 1: update it",
    ),
    "forgotten hookimpl": (
        "from finery import plugin\n@plugin\nclass Filter:\n    def filter(self, batch):\n        return None\n",
        2,
        "bad:Filter: does not implement 'filter': put @hookimpl above 'filter'",
    ),
    "misspelt argument": (
        "from finery import hookimpl, plugin\n@plugin\nclass Filter:\n    @hookimpl\n    def filter(self, bath): ...\n",
        2,
        "bad:Filter: ",
    ),
    "argument with a default": (
        "from finery import hookimpl, plugin\n@plugin\nclass Filter:\n    @hookimpl\n"
        "    def filter(self, batch, x=1): ...\n",
        2,
        "'filter' has an argument that hooks cannot fill: x",
    ),
    "misspelt hook": (
        "from finery import hookimpl, plugin\n@plugin\nclass Filter:\n    @hookimpl\n"
        "    def fitler(self, batch): ...\n",
        2,
        "unknown hook 'fitler' (did you mean 'filter'?)",
    ),
}


@pytest.mark.parametrize("name", MODULES)
def test_a_bad_plugin_module(good: Place, name: str) -> None:
    text, code, said = MODULES[name]
    good.write("bad.py", text)
    fails(good, f'{SOURCE}[[stage]]\nfilter = "bad:Filter"\n', said, code=code)


def test_two_packages_with_one_plugin_name(good: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "site/other-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: other\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[finery.filter]\nlength = other:Length\n")
    monkeypatch.syspath_prepend(str(info.parent))
    good.write("pipeline.toml", GOOD)
    outcome = good.run()
    monkeypatch.undo()
    assert outcome.code == 2
    assert "pipeline.toml:5: filter 'length' is claimed by finery 0.1.0 and other 1.2: remove one" in outcome.err
    good.good()


def test_a_column_to_prefer_by_that_is_not_there(good: Place) -> None:
    text = f'{SOURCE}[[stage]]\nscore = "tiny:Words"\n[[stage]]\ndedupe = "exact"\nprefer = "word"\n'
    fails(good, text, "stage 'exact': no column 'word' to prefer by (did you mean 'words'?): columns are text, weight")


def test_a_filter_that_leaves_nothing(good: Place) -> None:
    text = f'{SOURCE}[[stage]]\nfilter = "tiny:Short"\nminimum = 1000\n'
    fails(good, text, "stage 'short': no record is left of 20: reasons: {'short': 20}; loosen its options", code=1)
