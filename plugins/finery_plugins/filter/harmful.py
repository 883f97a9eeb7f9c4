"""The filter `harmful`: documents with harmful or toxic content."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from finery import Batch, File, HubFile, Needs, Reasons, State, hookimpl, plugin
from finery_plugins.filter.rules import most, reasons
from finery_plugins.filter.telling import told
from finery_plugins.score.toxicity import Toxicity
from finery_plugins.text.content import contents
from finery_plugins.text.lexicon import LANGUAGES, Language


@plugin(needs=Needs(extra="text"))
class Harmful:
    """Drop documents whose toxicity is over a threshold.

    How it is measured is told at the score `toxicity`: by a lexicon of hate, threats, insults, sex and swearing, or by
    a classifier where one is named. The detail says what was found: `2 insult, 1 threat`, or the classifier's label.

    ```toml
    [[stage]]
    filter = "harmful"
    threshold = 0.4
    languages = ["zh"]
    ```
    """

    threshold: Annotated[float, Field(ge=0, le=1)] = 0.5
    """Largest toxicity. With the lexicon 0.5 drops one sure phrase or three mild ones in a hundred words."""

    languages: list[Language] = Field(default_factory=lambda: list(LANGUAGES))
    """Whose shipped lists are used; an empty list is none."""

    files: list[File] = Field(default_factory=list)
    """Further lists, UTF-8: a phrase a line, after it a tab and its weight, a tab and its category where wanted."""

    classifier: HubFile | None = None
    """A folder or hub name of a text classification model, used in place of the lexicon; needs the extra `train`."""

    labels: list[str] = Field(default_factory=list)
    """The classifier's labels that speak of harm; by default all but `neutral`, `safe` and the like."""

    column: str | None = None
    """The column to look at; by default all text of a record, whatever its shape."""

    @property
    def measure(self) -> Toxicity:
        """What measures it."""
        return Toxicity(languages=self.languages, files=self.files, classifier=self.classifier, labels=self.labels)

    @hookimpl
    def prepare(self) -> State:
        """The lexicon, as the score `toxicity` keeps it."""
        return self.measure.prepare()

    @hookimpl
    def filter(self, batch: Batch, state: State) -> Reasons:
        """`harmful` with the toxicity."""
        found = self.measure.harm(contents(batch, self.column), state)
        return told(reasons(most("harmful", found.toxicity, self.threshold), len(batch)), found.words)
