"""Peak memory of evaluations as their items grow tenfold: `python evaluation_memory.py`.

A small model of random weights with a vocabulary of 32,000, so that logits would show: those of 100 items more, held at
once, are 400 MB. Each measurement is a process of its own; needs the extra `train`.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import pyarrow as pa

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/train"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit/evaluate"))

from evaluation_samples import Evaluator, tiny
from training_samples import dataset, sentences

VOCABULARY = 32_000
ITEMS = (60, 600)


def widened(folder: Path) -> None:
    """Leave a model with a large vocabulary, most of whose tokens no text has."""
    from transformers import AutoModelForCausalLM

    made = tiny(folder, 0)
    model = AutoModelForCausalLM.from_pretrained(made.path)
    model.resize_token_embeddings(VOCABULARY)
    model.save_pretrained(made.path)


def measured(name: str, items: int, folder: Path) -> float:
    """Megabytes at the most, after an evaluation of so many texts."""
    from finery import Model
    from finery_plugins.evaluate.perplexity import Perplexity
    from finery_plugins.evaluate.probe import Probe

    plugin = {"perplexity": Perplexity, "probe": Probe}[name]()
    examples = dataset({"pages": {"text": sentences(items, length=24)}})
    found = Evaluator(folder / f"{name}-{items}")(plugin, Model(folder / "model", "model", "model"), examples)
    if found.items is not None:
        rows = len(found.items if isinstance(found.items, pa.Table) else found.items.read_all())
        assert rows == items, (rows, items)
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the table."""
    if len(sys.argv) > 1:
        print(measured(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3])))
        return
    with tempfile.TemporaryDirectory() as place:
        widened(Path(place) / "model")
        print(f"| evaluation | {ITEMS[0]} items, MB | {ITEMS[1]} items, MB | ratio |\n| --- | --- | --- | --- |")
        for name in ("perplexity", "probe"):
            found = [peak(name, items, place) for items in ITEMS]
            print(f"| {name} | {found[0]:.0f} | {found[1]:.0f} | {found[1] / found[0]:.2f} |", flush=True)


def peak(name: str, items: int, place: str) -> float:
    """The measurement of a process of its own."""
    command = [sys.executable, __file__, name, str(items), place]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout.split()[-1])


if __name__ == "__main__":
    main()
