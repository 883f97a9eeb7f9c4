"""Items a second of the evaluations here, beside lm-eval's own run of the same task: `python evaluation.py`.

The model is a small one of random weights; needs the extras `train` and `eval`. Each side answers the same questions,
greedily, with the same most tokens, on one thread, once to warm up and then five times in turn with the others, so that
what else the machine does falls on all alike; the median of CPU time counts.
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "unit/evaluate"))

from evaluation_samples import Evaluator, tiny

from finery import Model
from finery_plugins.evaluate.harness import Harness
from finery_plugins.evaluate.prompts import Prompts
from finery_plugins.evaluate.running import hushed, local_task
from finery_plugins.generate.options import Sampling
from finery_plugins.train.site import quieten

ITEMS, TOKENS, TIMES = 120, 24, 5


def medians(sides: dict[str, Callable[[Path], object]], folder: Path) -> dict[str, float]:
    """Items a second of CPU of each side: the median of five calls in turn, behind one that is not counted."""
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for number in range(TIMES + 1):
        for side, work in sides.items():
            started = time.process_time()
            work(folder / f"{side}-{number}")
            seconds[side].append(time.process_time() - started)
    return {side: ITEMS / statistics.median(found[1:]) for side, found in seconds.items()}


def questions(folder: Path) -> tuple[Path, Path]:
    """The same questions for both: with choices for the harness, to be answered for both."""
    rows = [{"question": f"Which stood above weir {n}?", "answer": ("mill", "water")[n % 2]} for n in range(ITEMS)]
    choices = [{**row, "choices": ["mill", "water"]} for row in rows]
    places = folder / "writes.jsonl", folder / "chooses.jsonl"
    for place, written in zip(places, (rows, choices), strict=True):
        place.write_text("".join(json.dumps(row) + "\n" for row in written), encoding="utf-8")
    return places


def theirs(file: Path, model: Model, batch: int) -> Callable[[Path], object]:
    """lm-eval's own run of a file's task."""

    def work(folder: Path) -> object:
        from lm_eval import simple_evaluate
        from lm_eval.tasks import TaskManager

        folder.mkdir(parents=True)
        name = local_task(file, folder / "tasks", "bench")
        with hushed(folder / "log"):
            manager = TaskManager(include_path=str(folder / "tasks"), include_defaults=False)
            said = {"model": "hf", "device": "cpu", "batch_size": batch, "task_manager": manager, "tasks": [name]}
            arguments = {"pretrained": str(model.path), "dtype": "float32"}
            generation = {"gen_kwargs": {"max_gen_toks": TOKENS, "until": ["~"]}} if "writes" in name else {}
            return simple_evaluate(model_args=arguments, **said, **generation)

    return work


def ours(file: Path, model: Model, batch: int) -> Callable[[Path], object]:
    """The plugin `harness` on the same."""
    generation = {"max_gen_toks": TOKENS, "until": ["~"]} if "writes" in file.stem else {}
    plugin = Harness(file=str(file), batch=batch, generation=generation)
    return lambda folder: Evaluator(folder)(plugin, model).items.read_all()


def prompted(file: Path, model: Model, batch: int) -> Callable[[Path], object]:
    """The plugin `prompts` on the same questions."""

    def work(folder: Path) -> object:
        folder.mkdir(parents=True)
        rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
        asked = [{"prompt": f"Question: {row['question']}\nAnswer:", "target": row["answer"]} for row in rows]
        place = folder / "asked.jsonl"
        place.write_text("".join(json.dumps(row) + "\n" for row in asked), encoding="utf-8")
        plugin = Prompts(file=str(place), template="plain", batch=batch, sampling=Sampling(max_tokens=TOKENS))
        return Evaluator(folder / "out")(plugin, model).items.read_all()

    return work


def main() -> None:
    """Print the table."""
    warnings.simplefilter("ignore")
    quieten(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = tiny(folder / "model", 0)
        writes, chooses = questions(folder)
        print("| task | batch | lm-eval, items/s | harness | of lm-eval's | prompts |")
        print("| --- | --- | --- | --- | --- | --- |")
        for file in (chooses, writes):
            for batch in (1, 8):
                makes = {"theirs": theirs, "ours": ours} | ({"prompts": prompted} if file is writes else {})
                sides = {side: make(file, model, batch) for side, make in makes.items()}
                found = medians(sides, folder / f"{file.stem}-{batch}")
                asked = f"{found['prompts']:.0f}" if "prompts" in found else ""
                speeds = f"{found['theirs']:.0f} | {found['ours']:.0f} | {found['ours'] / found['theirs']:.2f}"
                print(f"| {file.stem} | {batch} | {speeds} | {asked} |", flush=True)


if __name__ == "__main__":
    main()
