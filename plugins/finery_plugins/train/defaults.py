"""Defaults that depend on the data: how fast and how long to train, each with its reason for the reader."""

from __future__ import annotations

import math
from dataclasses import replace

from finery_plugins.train.loop import Loop
from finery_plugins.train.method import Method, default_rate
from finery_plugins.train.site import Site

USUAL_ROWS = 16
"""Rows a step for which the usual learning rates are meant."""
SCALED_AT_MOST = 4.0
"""A learning rate is never scaled by more, up or down."""
TOKENS_PER_PARAMETER = 20
"""What a model made from scratch should see of each parameter's weight in tokens (Hoffmann et al. 2022)."""
EPOCHS_WORTH_IT = 4
"""Repeating data is nearly as good as new data up to here (Muennighoff et al. 2023)."""


def with_rate(loop: Loop, usual: float, why: str, site: Site) -> Loop:
    """The loop with a learning rate: what was asked, else the usual one for `USUAL_ROWS` rows a step, times the square
    root of how many times more there are, which keeps the noise of an Adam step alike (Malladi et al. 2022)."""
    if loop.lr is not None:
        return loop
    scale = min(max(math.sqrt(loop.step_rows / USUAL_ROWS), 1 / SCALED_AT_MOST), SCALED_AT_MOST)
    rate = usual * scale
    scaled = "" if scale == 1 else f", times {scale:.3g}: square root of {loop.step_rows} rows a step over {USUAL_ROWS}"
    site.journal.note(f"lr = {rate:.3g}: {usual:g} {why}{scaled}")
    return replace(loop, lr=rate)


def tuned_rate(loop: Loop, method: Method, site: Site) -> Loop:
    """The loop with the learning rate that is usual for tuning by a method."""
    named = method if isinstance(method, str) else method.name
    return with_rate(loop, default_rate(method), f"is usual for method {named}", site)


def epochs_by_records(loop: Loop, records: int, site: Site) -> Loop:
    """The loop with a budget for tuning: what was asked, else three epochs, more for under 34 records and fewer for
    over 8,333: no fewer than 100 examples in all and no more than 25,000, within 1 to 25 epochs.

    The rule is OpenAI's for fine-tuning (cookbook, "Data preparation and analysis for chat model fine-tuning", 2023).
    """
    if loop.has_budget:
        return loop
    epochs = 3
    if records * epochs < 100:
        epochs = min(25, -(-100 // max(records, 1)))
    elif records * epochs > 25_000:
        epochs = max(1, 25_000 // records)
    site.journal.note(f"epochs = {epochs}: usual for tuning on {records:,} records")
    return replace(loop, epochs=float(epochs))


def epochs_by_tokens(loop: Loop, tokens: int, parameters: int, site: Site) -> Loop:
    """The loop with a budget for training from scratch: what was asked, else as many epochs, four at most, as bring 20
    tokens a parameter."""
    if loop.has_budget:
        return loop
    wanted = TOKENS_PER_PARAMETER * parameters
    epochs = min(max(1, -(-wanted // max(tokens, 1))), EPOCHS_WORTH_IT)
    seen = tokens * epochs / max(parameters, 1)
    reason = f"{seen:,.1f} tokens a parameter, where {TOKENS_PER_PARAMETER} are wanted"
    site.journal.note(f"epochs = {epochs}: {tokens:,} tokens for {parameters:,} parameters make {reason}")
    return replace(loop, epochs=float(epochs))
