"""The kit as an author meets it: a report, or cases of a pytest test."""

import random
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from bad_case import dropped, texts
from bad_inputs import Talkative

from finery import Batch, Dataset, MissingExtra, Stage, chance, hookimpl, missing_extra, plugin
from finery.data.shapes import SHAPES as READ
from finery.testing import SHAPES, check, conformance, sample
from finery.testing.samples import gather
from finery.testing.texts import ODD


@plugin
class Good:
    """Drop a share of the records and all that are longer than the mean of those it saw before."""

    share: float = 0.25
    """The share that goes by chance."""

    @hookimpl
    def prepare(self, dataset: Dataset) -> dict[str, float]:
        sizes = [len(text) for batch in dataset.batches(["text"]) for text in texts(batch)]
        return {"mean": sum(sizes) / max(len(sizes), 1)}

    @hookimpl
    def filter(self, batch: Batch, state: dict[str, float], stage: Stage) -> pa.Array:
        drawn = zip(chance(batch, stage), texts(batch), strict=True)
        return dropped(number < self.share or len(text) > 9 * state["mean"] for number, text in drawn)


@plugin(deterministic=False)
class Moody:
    """Drop at random, and say so."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        return dropped(random.random() < 0.5 for _ in range(len(batch)))


@plugin
class Dear:
    """Need a library that is not there."""

    @hookimpl
    def filter(self, batch: Batch) -> pa.Array:
        raise missing_extra("filter 'dear'", "gold", "dear")


@plugin
class Lengths:
    """Add the length of a dialogue."""

    @hookimpl
    def score(self, batch: Batch) -> dict[str, pa.Array]:
        counts = [sum(len(said["content"] or "") for said in row) for row in batch["messages"].to_pylist()]
        return {"length": pa.array(counts, pa.int64())}


@plugin
class Sentences:
    """Split documents into sentences."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        parts = [text.split(". ") for text in texts(batch)]
        rows = [i for i, found in enumerate(parts) for _ in found]
        flat = pa.array([part for found in parts for part in found], pa.large_string())
        born = batch.take(pa.array(rows, pa.int64()))
        born = born.set_column(born.column_names.index("text"), "text", flat)
        return born.append_column("parent", born["id"]).drop_columns(["id"])


@pytest.mark.parametrize("subject", [Good(), Sentences()], ids=repr)
def test_a_good_plugin_passes_every_check_and_skips_none(subject: object) -> None:
    report = check(subject)
    assert not report.faults, "\n".join(map(str, report.faults))
    assert not [one for one in report.results if one.skipped]


def test_a_plugin_of_dialogue_passes_on_samples_of_dialogue() -> None:
    assert not check(Lengths(), "messages").faults
    assert check(Lengths()).failed == ("answers",)


def test_a_table_of_the_authors_own_is_a_sample() -> None:
    report = check(Good(), pa.table({"text": ["one", "two", "two"], "stars": [1, 2, 3]}))
    assert not report.faults, "\n".join(map(str, report.faults))


def test_a_plugin_that_says_it_is_not_deterministic_is_spared_the_laws() -> None:
    report = check(Moody())
    assert not report.faults
    assert {one.check for one in report.results if one.skipped} >= {"twice", "split", "permuted", "fresh-process"}


def test_a_missing_library_skips_the_checks_that_need_it() -> None:
    report = check(Dear())
    assert not report.faults
    said = {one.skipped for one in report.results if one.check == "answers"}
    assert said == {str(missing_extra("filter 'dear'", "gold", "dear"))}
    with pytest.raises(MissingExtra):
        Dear().filter(None)


def test_each_check_is_a_case_of_its_own() -> None:
    marks = conformance(Good()).pytestmark  # type: ignore[attr-defined]
    names = [case.id for case in marks[0].args[1]]
    assert names == [one.check for one in check(Good()).results]


def test_a_failing_case_says_what_to_mend(tmp_path: Path) -> None:
    done = pytest_on(tmp_path, "from bad_inputs import Talkative as Tried")
    assert done.returncode == 1
    fault = check(Talkative()).faults[0]
    assert str(fault) in done.stdout
    assert "test_it[quiet]" in done.stdout
    assert "1 failed" in done.stdout


def test_a_passing_plugin_is_a_passing_test_file(tmp_path: Path) -> None:
    done = pytest_on(tmp_path, "from test_kit import Good as Tried")
    assert done.returncode == 0, done.stdout
    assert f"{len(check(Good()).results)} passed" in done.stdout


def pytest_on(folder: Path, imports: str) -> subprocess.CompletedProcess[str]:
    """What pytest says of a test file of three lines."""
    file = folder / "test_tried.py"
    file.write_text(f"{imports}\nfrom finery.testing import conformance\n\ntest_it = conformance(Tried())\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-c", "/dev/null", str(file)]
    here = {"PYTHONPATH": str(Path(__file__).parent), "PATH": ""}
    return subprocess.run(command, cwd=folder, env=here, capture_output=True, text=True, check=False)


def test_the_report_needs_no_pytest() -> None:
    code = "import sys, finery.testing; sys.exit('pytest' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_samples_have_the_columns_that_reading_gives() -> None:
    # A plugin for tables, or for what else stands beside a prompt, gives samples of its own.
    known = {shape: fields for shape, fields in READ.items() if shape not in ("prompt", "table")}
    assert {shape: sample(shape).column_names[2:] for shape in SHAPES} == {
        shape: [field.name for field in fields] for shape, fields in known.items()
    }


@pytest.mark.parametrize("shape", SHAPES)
def test_a_sample_has_ids_of_its_own_and_odd_records_of_each_kind(shape: str) -> None:
    (everything,) = gather(shape).everything()
    assert len(set(everything["id"].to_pylist())) == len(everything)
    assert len(everything) == len(sample(shape)) + sum(map(len, ODD.values()))
    assert set(everything["source"].to_pylist()) == {shape}
