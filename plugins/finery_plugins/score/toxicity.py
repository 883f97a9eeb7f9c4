"""The score `toxicity`: how harmful a document's words are."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa
from pydantic import Field

from finery import Batch, File, HubFile, Needs, State, hookimpl, plugin
from finery_plugins.text.content import contents
from finery_plugins.text.lexicon import LANGUAGES, Entry, Language
from finery_plugins.text.toxicity import Harm, by_lexicon, by_model, entries


@plugin(needs=Needs(extra="text"))
class Toxicity:
    """Add how harmful each document is, from 0 to 1, and in what way.

    With the lexicon it is 1 - exp(-r), where r sums the weights of hits a hundred words; a document of fewer words
    counts as a hundred. A sure phrase (a threat, hate) weighs 1 and makes 0.63, an insult 0.6 and 0.45, swearing 0.3
    and 0.26. The lists are short, know words and not their meaning, and miss what is said politely: name a classifier
    where that matters. With one it is the probability of its harmful labels, of the piece of 1,000 characters that is
    worst.

    ```toml
    [[stage]]
    score = "toxicity"
    languages = ["en"]
    ```
    """

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

    @hookimpl
    def prepare(self) -> State:
        """The lexicon, `{"entries": [[phrase, category, weight], ...]}`; empty with a classifier.

        Raises UsageError for a file that cannot be read.
        """
        lexicon = [] if self.classifier else entries(self.languages, self.files)
        return {"entries": [[one.phrase, one.category, one.weight] for one in lexicon]}

    @hookimpl
    def score(self, batch: Batch, state: State) -> Mapping[str, pa.Array]:
        """`toxicity` (0 to 1), `toxicity_hits` (of the lexicon), `toxicity_kinds` (`2 insult, 1 threat`, or null)."""
        found = self.harm(contents(batch, self.column), state)
        return {
            "toxicity": pa.array(found.toxicity),
            "toxicity_hits": pa.array(found.hits),
            "toxicity_kinds": pa.array([found.words.get(row) for row in range(len(batch))], pa.string()),
        }

    def harm(self, texts: pa.Array, state: State) -> Harm:
        """What is found in texts."""
        if self.classifier:
            return by_model(texts, self.classifier, self.labels)
        return by_lexicon(texts, [Entry(*row) for row in state["entries"]])
