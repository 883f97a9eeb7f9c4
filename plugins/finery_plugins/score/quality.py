"""The score `quality`: how sure a classifier, trained from good and bad texts of your own, is that a text is good."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, DataError, Dataset, File, Journal, Memo, Needs, State, hookimpl, plugin
from finery_plugins.text.corpora import Corpus, known, sample
from finery_plugins.text.exemplars import BAD, GOOD
from finery_plugins.text.linear import Settings, classifier, described, judged
from finery_plugins.text.wordlists import words_of

FEWEST = 20
"""Different texts of a class at least: of fewer, each fifth part says nothing."""


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Quality:
    """Add the probability that a text is of the good kind, by a classifier trained from good and bad ones.

    Logistic regression on hashed n-grams of words (characters, in scripts without spaces), as the filters of GPT-3
    (Brown et al. 2020, appendix A) and DCLM (Li et al. 2024, with fastText) are. It is trained before the first batch,
    each different text once and either class counting half however large it is. A fifth part of the texts at a time is
    held out: probabilities are calibrated on those (Platt scaling), and their `accuracy`, `auc` and `calibration_error`
    are metrics of the stage. Deduplicate before it, or near-duplicates make these too good.

    Without good and bad texts it is trained from eighty short examples that are shipped, English and Chinese. That
    default tells plain sentences from menus, cookie notices and sales talk, and is worth no more than a first look: of
    1,700 real documents against shuffled, garbled and repeated ones its AUC is 0.54, 0.65 and 0.69, where half is
    chance and a classifier trained from such documents has 0.93 to 0.97.

    ```toml
    [[stage]]
    score = "quality"
    good = ["handbooks"]
    bad_files = ["rejected/*.jsonl"]
    ```
    """

    good: list[str] = Field(default_factory=list)
    """Sources of the pipeline whose texts are good examples; their own scores are then those of texts it has seen."""

    bad: list[str] = Field(default_factory=list)
    """Sources whose texts are bad examples."""

    good_files: list[File] = Field(default_factory=list)
    """Files, folders or globs of good examples: a row of `.jsonl`, `.csv`, `.tsv`, `.parquet` each, or a line of
    `.txt`, also `.gz`."""

    bad_files: list[File] = Field(default_factory=list)
    """Files of bad examples."""

    max_records: Annotated[int, Field(ge=FEWEST, le=1_000_000)] = 20_000
    """Different texts of either class that are learnt from at most, drawn by a hash of the text; memory is at most
    about 8 bytes for each of their n-grams."""

    words: Annotated[int, Field(ge=1)] = 1000
    """How many words of a text are read."""

    ngram: Annotated[int, Field(ge=1, le=5)] = 2
    """Longest n-gram; shorter ones count too."""

    buckets: Annotated[int, Field(ge=1024, le=1 << 26)] = 1 << 20
    """Numbers that n-grams are hashed to; each worker holds 16 bytes for each."""

    epochs: Annotated[int, Field(ge=1, le=100)] = 5
    """How often each text is learnt from."""

    l1: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.0
    """Draws weights to exactly 0: 1 makes the state several times smaller."""

    l2: Annotated[float, Field(ge=0, allow_inf_nan=False)] = 0.1
    """Draws weights towards 0."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def both_kinds_are_there(self) -> Quality:
        """Raise ValueError where one class has examples and the other has none, or a source is both."""
        if bool(self.good or self.good_files) != bool(self.bad or self.bad_files):
            missing = "bad" if self.good or self.good_files else "good"
            raise ValueError(f"there are no {missing} examples: give {missing} = [...] or {missing}_files = [...]")
        if both := sorted(set(self.good) & set(self.bad)):
            raise ValueError(f"'{both[0]}' is both good and bad: name it in one of them")
        return self

    @property
    def settings(self) -> Settings:
        """What the classifier looks at."""
        return Settings(self.words, self.ngram, self.buckets, self.epochs, self.l1, self.l2)

    @hookimpl
    def prepare(self, dataset: Dataset, journal: Journal) -> State:
        """The classifier as a table; None where no record is left. What it is worth goes to the journal.

        Raises PipelineError for a source that is not there, DataError for too few texts, UsageError or DataError for a
        file that cannot be read.
        """
        if not dataset.records:
            return None
        if not (self.good or self.good_files):
            return self.told(pa.array(GOOD, pa.large_string()), pa.array(BAD, pa.large_string()), journal)
        known(dataset, good=self.good, bad=self.bad)
        good = self.drawn(dataset, "good", self.good, self.good_files)
        bad = self.drawn(dataset, "bad", self.bad, self.bad_files)
        return self.told(good, bad, journal)

    def told(self, good: pa.Array, bad: pa.Array, journal: Journal) -> pa.Table:
        """The classifier, its measures on held-out texts told."""
        made = classifier(good, bad, self.settings)
        for name in ("good", "bad", "accuracy", "auc", "calibration_error"):
            journal.metric(name, described(made)[name])
        return made

    def drawn(self, dataset: Dataset, name: str, sources: Sequence[str], files: Sequence[str]) -> pa.Array:
        """The texts of one class to learn from."""
        found = sample(Corpus(dataset, sources, files, self.column).texts, self.max_records)
        if len(found) < FEWEST:
            fault = f"holds {len(found)} different texts"
            raise DataError.at(f"quality: '{name}'", fault, f"give at least {FEWEST}, better thousands")
        return found

    @hookimpl
    def score(self, batch: Batch, state: State, memo: Memo) -> Mapping[str, pa.Array]:
        """`quality` (0 to 1), null for a text without words."""
        if state is None:
            return {"quality": pa.nulls(len(batch), pa.float64())}
        words = words_of(batch, self.column, memo)
        empty = words.offsets[1:] == words.offsets[:-1]
        return {"quality": pa.array(judged(words, state, self.settings), mask=empty)}
