"""Data sets of the `datasets` library: by their name on the hub, or from a local folder."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from finery.data.files import needs, one_of
from finery.data.parquet import batch_raws, batch_rows
from finery.data.rows import Raw
from finery.data.source import SourceConfig
from finery.errors import DataError, PipelineError, did_you_mean

SAVED = ("state.json", "dataset_dict.json")
"""A folder with one of these was written by `save_to_disk`."""


def loaded(source: SourceConfig, folder: Path) -> Any:
    """The split of a source's data set, mapped into memory. Code that comes with a data set is never run.

    Raises MissingExtra, DataError where it cannot be loaded, PipelineError where no one split is meant.
    """
    try:
        library: Any = importlib.import_module("datasets")
    except ImportError as error:
        raise needs(source, "datasets", "train") from error
    try:
        found = load(library, source, folder)
    except (OSError, ValueError, library.exceptions.DatasetsError) as error:
        said = str(error).strip().partition("\n")[0]
        raise DataError.at(source.place, f"cannot load data set '{source.dataset}': {said}") from error
    return one_split(found, source)


def load(library: Any, source: SourceConfig, folder: Path) -> Any:
    """All splits, or the only one, as the library gives them."""
    local = local_folder(source, folder)
    if local is None:
        return library.load_dataset(source.dataset, source.config, revision=source.revision)
    if any((local / name).exists() for name in SAVED):
        return library.load_from_disk(str(local))
    return library.load_dataset(str(local), source.config)


def local_folder(source: SourceConfig, folder: Path) -> Path | None:
    """The local folder that a source names, if it is one."""
    local = folder / Path(str(source.dataset)).expanduser()
    return local if local.is_dir() else None


def one_split(found: Any, source: SourceConfig) -> Any:
    """The split that is meant: the named one, `train`, or the only one."""
    if not isinstance(found, dict):
        return found
    names = list(found)
    wanted = source.split or ("train" if "train" in names or len(names) != 1 else names[0])
    if wanted in names:
        return found[wanted]
    fault = f"data set '{source.dataset}' has no split '{wanted}'{did_you_mean(wanted, names)}"
    raise PipelineError.at(source.place, fault, f"split = {one_of(names)}")


def hub_rows(source: SourceConfig, folder: Path, start: int, end: int | None) -> Iterator[Raw]:
    """Rows `start` up to `end` (from 0) of a source's data set; a class label is its name."""
    data = loaded(source, folder)
    file = str(source.dataset)
    labels = {name: feature.names for name, feature in data.features.items() if hasattr(feature, "names")}
    end = len(data) if end is None else end
    arrow = data.with_format("arrow")
    step = batch_rows(len(data), data.data.nbytes)
    for first in range(start, end, step):
        table = arrow[first : min(first + step, end)].combine_chunks()
        for batch in table.to_batches():
            yield from batch_raws(named_labels(batch, labels), file, first + 1)
            first += len(batch)


def named_labels(batch: pa.RecordBatch, labels: dict[str, list[str]]) -> pa.RecordBatch:
    """The batch with the names of class labels in place of their numbers."""
    for name, names in labels.items():
        at = batch.schema.get_field_index(name)
        numbers = batch.column(at).to_pylist()
        texts = [names[number] if number is not None and number >= 0 else None for number in numbers]
        batch = batch.set_column(at, name, pa.array(texts, pa.large_string()))
    return batch
