"""What instructions ask for: rules that tell tasks and constraints apart, in English and Chinese."""

from __future__ import annotations

import functools
import re

from finery_plugins.score.constraints import CONSTRAINTS
from finery_plugins.score.tasks import TASKS

READ = 8000
"""Characters of an instruction that are read: half from its start, half from its end, where tasks are stated."""


UNSPACED = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
"""Han characters and the marks beside them: a text without any is held against the English patterns only."""


@functools.cache
def patterns(both: bool) -> tuple[tuple[str, re.Pattern[str]], ...]:
    """Each tag with what asks for it in English, or in both languages."""
    rules = {**TASKS, **CONSTRAINTS}
    return tuple(
        (tag, re.compile(f"(?:{english})|(?:{chinese})" if both else english, re.IGNORECASE))
        for tag, (english, chinese) in rules.items()
    )


def intentions(instruction: str) -> list[str]:
    """The tags of an instruction, in the order of the rules."""
    if len(instruction) > READ:
        instruction = f"{instruction[: READ // 2]}\n{instruction[-READ // 2 :]}"
    asked = patterns(both=UNSPACED.search(instruction) is not None)
    return [tag for tag, pattern in asked if pattern.search(instruction)]
