"""How much there is of each source, and the faults of asking for what is not there; shared by the mixes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from finery import Fault, PipelineError, Source, did_you_mean


def amount(source: Source, unit: str) -> float:
    """How much of the unit a source has. Raises PipelineError for a column that it lacks."""
    if unit != "records" and unit not in source.totals:
        known = ["records", *source.totals]
        fault = f"has no numeric column '{unit}'{did_you_mean(unit, known)}"
        remedy = f'units are {", ".join(known)}; score = "statistics" adds some'
        raise PipelineError.at(f"source '{source.name}'", fault, remedy)
    return source.amount(unit)


def refuse(faults: Sequence[Fault]) -> None:
    """Raise PipelineError for all faults at once, if there are any."""
    if faults:
        raise PipelineError(*faults)


def stranger(name: str, names: Sequence[str]) -> Fault:
    """The fault of a share for no source."""
    fault = f"there is no source '{name}'{did_you_mean(name, names)}"
    return Fault("shares", fault, f"the sources are {', '.join(names)}")


def empty(name: str) -> Fault:
    """The fault of a share that nothing can fill."""
    remedy = "set its share to 0, or look at what its filters drop"
    return Fault(f"source '{name}'", "has a share but nothing is left of it", remedy)


def amounts(sources: Sequence[Source], unit: str) -> Mapping[str, float]:
    """How much of the unit each source has. Raises PipelineError for one that has nothing, or lacks the column."""
    found = {source.name: amount(source, unit) for source in sources}
    gone = [name for name, size in found.items() if not size > 0]
    refuse([Fault(f"source '{name}'", "has nothing left", "look at what its filters drop") for name in gone])
    return found
