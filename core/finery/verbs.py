"""The verbs: the hooks that a stage may open with. They stand alone, so that a listing need not import the contract."""

from __future__ import annotations

VERBS = ("filter", "score", "dedupe", "mix", "format", "train", "evaluate")
