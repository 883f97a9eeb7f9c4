"""Model cards: what a trained model was made of, as a README in its folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from finery.context import Context
    from finery.plan import Step

NAME = "README.md"


def write_card(context: Context, step: Step, partial: Path, made: Mapping[str, Any]) -> None:
    """Put a card into the model's folder of a train stage that is about to be finished.

    None is put where the folder is none of transformers', or has a card of the plugin's own.
    """
    from finery.card.facts import facts, training
    from finery.card.page import page

    out, own = partial / "out", training(context, step, partial)
    if (out / "config.json").is_file() and not (out / NAME).exists():
        told = facts(context, step, partial, made, own)
        (out / NAME).write_text(page(told), encoding="utf-8")
