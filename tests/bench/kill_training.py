"""Kill trainings with `kill -9` at random steps; run again; compare weights and losses with an undisturbed run.

    python tests/bench/kill_training.py [--kills 3] [--seed 1] [--only sft dpo] [--workers 1]

One pipeline an objective (pretrain, masked-lm, electra, sft, dpo; the last two on a tiny model made before), with
dropout where the architecture has any. Each trial is killed `--kills` times before it may end. A row a trial: the
steps it was killed at, processes that were left, the most checkpoints that lay there at a time, and whether the model's
fingerprint and all losses are those of the undisturbed run. `--workers 2` spreads what several workers can train.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "e2e"))

from places import Place, copied, ended, new_place
from processes import kill, session, until
from test_kill_training import WORDS, left, steps_done

SOURCES = """
[[source]]
name = "forge"
path = "forge.jsonl"
[[source]]
name = "talks"
path = "talks.jsonl"
[[source]]
name = "pairs"
path = "pairs.jsonl"
shape = "preference"
"""
SMALL = "layers = 1\nwidth = 32\nheads = 2\nvocabulary = 400\ncontext = 128\npacking = false\n"
LOOP = "batch = 4\nepochs = 6\nlog_steps = 1\ncheckpoint_steps = 3\n"
STAGES = {
    "pretrain": f'only = ["forge"]\nconfig = {{ attention_dropout = 0.1 }}\n{SMALL}',
    "masked-lm": f'only = ["forge"]\n{SMALL}',
    "electra": f'only = ["forge"]\n{SMALL}',
    "sft": 'only = ["talks"]\nmodel = "tiny"\nmethod = { lora = { rank = 4, dropout = 0.1 } }\npacking = false\n',
    "dpo": 'only = ["pairs"]\nmodel = "tiny"\nlr = 1e-3\n',
}
SPREAD = ("pretrain", "masked-lm", "electra", "sft")
"""What several workers can train."""


def write_input(place: Place) -> None:
    """Texts, conversations and preferences, and a tiny model to tune."""
    place.jsonl("forge.jsonl", [{"text": " ".join([WORDS[k % 10]] * (8 + k % 6)) + f" {k}."} for k in range(40)])
    ask = [{"role": "user", "content": f"What follows {word}?"} for word in WORDS]
    says = [{"role": "assistant", "content": WORDS[(k + 3) % 10]} for k in range(10)]
    place.jsonl("talks.jsonl", [{"messages": [ask[k % 10], says[k % 10]]} for k in range(40)])
    told = [(f"What follows {WORDS[k % 10]}? {k}", WORDS[(k + 3) % 10], WORDS[(k + 4) % 10]) for k in range(40)]
    place.jsonl("pairs.jsonl", [dict(zip(("prompt", "chosen", "rejected"), row, strict=True)) for row in told])
    place.pipeline(f'{SOURCES}[[stage]]\nid = "base"\ntrain = "pretrain"\nonly = ["forge"]\n{SMALL}steps = 5\n')
    outcome = ended(place.start())
    if outcome.code:
        raise SystemExit(outcome.err)
    (made,) = (place.root / "artifacts").glob("*/out")
    made.rename(place.folder / "tiny")


def pipeline(objective: str, workers: int) -> str:
    """The pipeline of an objective."""
    needs = f"needs = {{ workers = {workers}, cpus = 1 }}\n"
    return f'{SOURCES}[[stage]]\nid = "base"\ntrain = "{objective}"\n{STAGES[objective]}{LOOP}{needs}'


def trial(made: Place, objective: str, told: argparse.Namespace, draw: random.Random) -> bool:
    """One objective, killed as often as asked; whether all is as it should be."""
    text = pipeline(objective, told.workers if objective in SPREAD else 1)
    whole, cut = (copied(made, made.folder.parent / f"{objective}-{name}") for name in ("whole", "cut"))
    for place in (whole, cut):
        place.pipeline(text)
    finished(whole)
    wanted = left(whole)
    steps = sorted(draw.sample(range(2, max(wanted[1]) - 2), told.kills))
    ends = [killed(cut, step) for step in steps]
    finished(cut)
    equal = left(cut) == wanted
    most, survivors = max(count for count, _ in ends), sum(count for _, count in ends)
    print(
        f"| {objective} | {len(wanted[1])} | {steps} | {survivors} | {most} | {'yes' if equal else 'NO'} |", flush=True
    )
    return equal and not survivors and most <= 3


def finished(place: Place) -> None:
    """Run to the end."""
    outcome = ended(place.start())
    if outcome.code:
        raise SystemExit(f"the run failed: {outcome.err}")


def killed(place: Place, step: int) -> tuple[int, int]:
    """Kill the driver once a step is told of; how many checkpoints lay there, and processes that were left."""
    process, most = place.start(), 0
    end = time.monotonic() + 300
    while time.monotonic() < end and process.poll() is None and reached(place) < step:
        most = max(most, len(list((place.root / "artifacts").glob("*.partial/out/checkpoints/checkpoint-*"))))
        time.sleep(0.005)
    kill(process.pid)
    ended(process)
    until(lambda: not session(process.pid), 10)
    return most, len(session(process.pid))


def reached(place: Place) -> int:
    """The last step that the journal of the last attempt tells of."""
    if not steps_done(place):
        return 0
    file = sorted((place.root / "artifacts").glob("*.partial/metrics-*.jsonl"))[-1]
    whole = [line for line in file.read_text().splitlines() if line.endswith("}")]
    return max((json.loads(line)["step"] or 0) for line in whole)


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--only", nargs="*", default=list(STAGES), choices=list(STAGES))
    told = parser.parse_args()
    draw = random.Random(told.seed)
    with tempfile.TemporaryDirectory() as folder:
        made = new_place(Path(folder) / "made")
        write_input(made)
        print("| objective | steps | killed at | left over | most checkpoints | equal |", flush=True)
        print("| --- | ---: | --- | ---: | ---: | --- |", flush=True)
        rows = [trial(made, objective, told, draw) for objective in told.only]
    sys.exit(not all(rows))


if __name__ == "__main__":
    main()
