"""How harmful a text is: by a lexicon's weighted hits a hundred words, or by a classifier that the user names."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from finery import PipelineError, UsageError, did_you_mean, missing_extra
from finery_plugins.text.chunks import chunks
from finery_plugins.text.content import listed
from finery_plugins.text.lexicon import CATEGORIES, Entry, Language, shipped
from finery_plugins.text.measures import counts
from finery_plugins.text.phrases import Hits, counted, hits, normal, read_phrases

HUNDRED = 100
"""Words in which the weights of hits are summed; a shorter text counts as long, so one mild word is not its end."""

CHARACTERS = 1000
"""How much of a text a classifier reads at once; the worst piece is the text's score."""

HARMLESS = ("label_0", "neutral", "normal", "non-toxic", "nontoxic", "not-toxic", "not toxic", "safe", "ok", "clean")
"""What classifiers call a text that does no harm."""


@dataclass(frozen=True)
class Harm:
    """What was found in each text."""

    toxicity: np.ndarray
    """`float64` (n,): 0 to 1."""
    hits: np.ndarray
    """`int64` (n,): phrases of the lexicon, 0 with a classifier."""
    words: dict[int, str]
    """What speaks against a text, for a reader: categories with counts, or the classifier's label."""


def read_lexicon(files: Sequence[str]) -> list[Entry]:
    """Entries of files of one a line: a phrase, or phrase, weight and category apart by tabs (1 and `insult` else).

    Raises UsageError for a weight that is no number from 0 to 10.
    """
    return [entry(line, path) for path in files for line in read_phrases(path)]


def entry(line: str, path: str) -> Entry:
    """One line of a lexicon."""
    phrase, weight, category, *_ = [*line.split("\t"), "", ""]
    try:
        value = float(weight or 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 10:
        raise UsageError.at(f"file '{path}'", f"'{weight}' is no weight", "write phrase, tab, a number from 0 to 10")
    return Entry(normal(phrase), category.strip() or "insult", value)


def entries(languages: Sequence[Language], files: Sequence[str]) -> list[Entry]:
    """The shipped entries of some languages and those of files, each phrase once; a file's word is the last."""
    both = [*shipped(tuple(languages)), *read_lexicon(files)]
    return list({one.phrase: one for one in both if one.phrase}.values())


def by_lexicon(texts: pa.Array, lexicon: Sequence[Entry]) -> Harm:
    """Toxicity is 1 - exp(-r), r the weights of hits a hundred words: one sure word makes 0.63, two 0.86.

    A hit within another of the same text counts too, such as a word of a phrase.
    """
    found = hits(texts, tuple(one.phrase for one in lexicon))
    weights = counted(found, len(texts), [one.weight for one in lexicon])
    rate = weights * HUNDRED / np.maximum(counts(texts).words, HUNDRED)
    return Harm(1 - np.exp(-rate), counted(found, len(texts)).astype(np.int64), categories(found, lexicon))


def categories(found: Hits, lexicon: Sequence[Entry]) -> dict[int, str]:
    """How many hits of each category each text has: `2 insult, 1 threat`. The words themselves are not repeated."""
    tallied: dict[int, dict[str, int]] = {}
    for row, phrase in zip(found.rows.tolist(), found.phrases.tolist(), strict=True):
        kinds = tallied.setdefault(row, {})
        kinds[lexicon[phrase].category] = kinds.get(lexicon[phrase].category, 0) + 1
    return {row: ", ".join(f"{kinds[name]} {name}" for name in order(kinds)) for row, kinds in tallied.items()}


def order(kinds: dict[str, int]) -> list[str]:
    """Categories, the gravest first, a file's own behind them."""
    known = [name for name in CATEGORIES if name in kinds]
    return [*known, *sorted(set(kinds) - set(known))]


def by_model(texts: pa.Array, model: str, labels: Sequence[str]) -> Harm:
    """The probability of the labels together, of the piece of a text where it is largest."""
    scores, words = np.zeros(len(texts)), {}
    classify, bad = classifier(model), harmful_labels(model, tuple(labels))
    for row, text in enumerate(texts.to_pylist()):
        for _, piece in chunks(text, CHARACTERS):
            answer = {one["label"]: one["score"] for one in classify([piece])[0]}
            score = min(1.0, sum(answer[label] for label in bad))
            if score > scores[row]:
                scores[row], words[row] = score, max(bad, key=answer.__getitem__)
    return Harm(scores, np.zeros(len(texts), np.int64), words)


@functools.cache
def classifier(model: str) -> Any:
    """A function from one text to the scores of all labels. One at a time: padding would let neighbours matter."""
    try:
        import torch  # noqa: F401
        from transformers import pipeline
    except ImportError:
        raise missing_extra("a toxicity classifier", "transformers", "train") from None
    return pipeline("text-classification", model=model, top_k=None, truncation=True, device="cpu")


def harmful_labels(model: str, labels: tuple[str, ...]) -> list[str]:
    """The labels that speak of harm: those named, else all that do not plainly speak of none.

    Raises PipelineError for a label that the model does not have, or where none is left.
    """
    known = list(classifier(model).model.config.id2label.values())
    for label in labels:
        if label not in known:
            fault = f"has no label '{label}'{did_you_mean(label, known)}"
            raise PipelineError.at(f"model '{model}'", fault, f"it has {listed(known)}")
    found = list(labels) or [label for label in known if label.lower() not in HARMLESS]
    says_nothing = len(found) == len(known) > 1 and single_choice(model)
    if not found or (says_nothing and not labels):
        fault = f"does not say which of its labels are harmful: it has {listed(known)}"
        raise PipelineError.at(f"model '{model}'", fault, "name them with labels = [...]")
    return found


def single_choice(model: str) -> bool:
    """Whether the labels exclude each other, so that all together say nothing."""
    return str(classifier(model).model.config.problem_type) != "multi_label_classification"
