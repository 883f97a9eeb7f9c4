"""What a training is planned for: accelerators, from a table that a pipeline may add to, or this machine's cores."""

from __future__ import annotations

import functools
import hashlib
import os
import platform
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import resources
from pathlib import Path

from finery.errors import UsageError, did_you_mean
from finery.tables import PlanTable

CPU = "cpu"
CORE_RATE = 4e10
"""Products and sums a second of one core in 32 bits, where this machine has no history: a few years old, with AVX2."""
CORE_WATTS = 10.0
UTILISATION = (0.25, 0.4, 0.5)
"""The share of the peak rate that trainings reach: low, middle, high. GPT-3 reached 0.21 and PaLM 0.46 (Chowdhery et
al. 2022), Llama 3 0.38 to 0.43 (Grattafiori et al. 2024)."""
RESERVED = 0.08
"""The share of an accelerator's memory that its context, its communication and its fragments take."""


@dataclass(frozen=True)
class Card:
    """One kind of accelerator."""

    key: str
    name: str
    half: float
    """TFLOP/s of products in 16 bits."""
    single: float
    """TFLOP/s of products in 32 bits."""
    gigabytes: float
    """Memory, in units of 10^9 bytes."""
    watts: float
    price: float
    """An hour, in dollars."""

    @property
    def usable(self) -> float:
        """Bytes that a training may take."""
        return self.gigabytes * 1e9 * (1 - RESERVED if self.key != CPU else 1)

    def rate(self, compute_bytes: int) -> float:
        """Products and sums a second at the most."""
        return (self.half if compute_bytes < 4 else self.single) * 1e12


@dataclass(frozen=True)
class Site:
    """What a plan is for."""

    card: Card
    count: int
    utilisation: tuple[float, float, float]
    """Low, middle, high."""
    is_here: bool
    """Whether it is this machine, whose past runs count."""

    @property
    def is_cpu(self) -> bool:
        """Whether there is no accelerator."""
        return self.card.key == CPU


def site(table: PlanTable) -> Site:
    """What the `[plan]` table asks for: cards, else those of this machine, else its cores. Raises UsageError."""
    here = found_here()
    key = table.gpu or (here[0] if here else CPU)
    card = here_card() if key == CPU else known_card(key, table)
    if table.price is not None:
        card = replace(card, price=table.price)
    count = table.gpus or (len(here) if here and not table.gpu else 1)
    band = (table.utilisation,) * 3 if table.utilisation else (1.0,) * 3 if key == CPU else UTILISATION
    return Site(card, count, band, key == CPU or key in here)


def known_card(key: str, table: PlanTable) -> Card:
    """A card of the table, or of the pipeline's own. Raises UsageError for one that nobody knows."""
    own = {name: Card(key=name, name=name, **card.model_dump()) for name, card in table.cards.items()}
    known: dict[str, Card] = {**cards(), **own}
    if key not in known:
        there = f"take one of {', '.join(sorted(known))}, or {CPU}; others go into [plan.cards.{key}]"
        raise UsageError.at("plan", f"unknown card '{key}'{did_you_mean(key, known)}", there)
    return known[key]


@functools.cache
def cards() -> Mapping[str, Card]:
    """The table of cards."""
    text = resources.files("finery.forecast").joinpath("cards.toml").read_text(encoding="utf-8")
    return {key: Card(key=key, **values) for key, values in tomllib.loads(text).items()}


def here_card() -> Card:
    """This machine's cores as a card: one core's rate, all of the memory."""
    rate = CORE_RATE / 1e12
    return Card(CPU, "this machine's cores", rate, rate, memory_bytes() / 1e9, CORE_WATTS, 0.0)


def memory_bytes() -> int:
    """The memory of this machine, or of the group that bounds this process; 0 where neither is known."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return 0
    bound = read("/sys/fs/cgroup/memory.max").strip()
    return min(total, int(bound)) if bound.isdigit() else total


def found_here() -> list[str]:
    """The cards of this machine by their keys; one that the table lacks is not found."""
    files = sorted(Path("/proc/driver/nvidia/gpus").glob("*/information"))
    return [key for key in (key_of(read(str(file))) for file in files) if key]


def key_of(said: str) -> str | None:
    """The key of the card that the driver describes."""
    words = re.sub(r"[^a-z0-9]", "", said.lower())
    found = [key for key in cards() if key.split("-")[0] in words]
    return max(found, key=len) if found else None


def read(path: str) -> str:
    """A file's text; nothing where it cannot be read."""
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


@functools.cache
def machine() -> str:
    """What this machine is called by what it computes with: processor, cores, cards; runs of equal machines compare."""
    model = re.search(r"model name\s*: (.*)", read("/proc/cpuinfo"))
    processor = model[1].strip() if model else platform.processor() or platform.machine()
    found = found_here()
    more = f", {len(found)} x {found[0]}" if found else ""
    return f"{processor}, {os.cpu_count()} cores{more}"


def machine_key() -> str:
    """12 hex digits that stand for this machine."""
    return hashlib.sha256(machine().encode()).hexdigest()[:12]
