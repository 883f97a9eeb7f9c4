"""Peak memory of merging, pruning and quantising on CPU against what `finery plan` says of it before.

    python tests/bench/planner_changes.py [--width 1024] [--only ties ...]

Measured is the most that the process of `finery run` held (resident), less what the same run holds with a model of
next to nothing: so the libraries do not count, and the weights of the models do. Three models of one kind are made on
the spot.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from figures import print_machine

COMMAND = Path(sys.executable).with_name("finery")
CHANGES = {
    "linear": 'train = "merge"\nothers = ["second"]',
    "linear of three": 'train = "merge"\nothers = ["second", "third"]',
    "slerp": 'train = "merge"\nothers = ["second"]\nhow = "slerp"',
    "ties": 'train = "merge"\nothers = ["second", "third"]\nhow = "ties"',
    "weights": 'train = "prune"\nshare = 0.3',
    "weights by layer": 'train = "prune"\nshare = 0.3\nscope = "layer"',
    "heads": 'train = "prune"\nwhat = "heads"\nshare = 0.5',
    "channels": 'train = "prune"\nwhat = "channels"\nshare = 0.25',
    "int8": 'train = "quantise"\nto = "int8"',
}
PIPELINE = """
[[source]]
name = "text"
path = "text.jsonl"
[[stage]]
id = "changed"
model = "first"
split = "train"
limit = 3
{change}
"""
WORDS = ["the", "model", "reads", "a", "page", "of", "words", "and", "says", "which", "comes", "next", "in", "it"]


def main() -> None:
    """Measure one after the other and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--width", type=int, default=1024, help="of the models, of 12 layers (default: 1,024)")
    parser.add_argument("--only", nargs="+", choices=CHANGES, default=[*CHANGES], help="these alone")
    told = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory() as folder:
        for text in table(Path(folder), told.width, told.only):
            print(text, flush=True)


def table(folder: Path, width: int, names: list[str]) -> Iterator[str]:
    """Lines of Markdown."""
    for name, size in (("small", 64), ("large", width)):
        subprocess.run([sys.executable, __file__, "models", folder / name, str(size)], check=True)
    yield "| change | measured MB | forecast MB | error |"
    yield "| --- | ---: | ---: | ---: |"
    for name in names:
        (_, least), (said, most) = (peaks(folder / place, CHANGES[name]) for place in ("small", "large"))
        measured = most - least
        yield f"| {name} | {measured / 1e6:,.0f} | {said / 1e6:,.0f} | {said / measured - 1:+.1%} |"


def peaks(folder: Path, change: str) -> tuple[float, float]:
    """Bytes that a plan says and that a run takes."""
    (folder / "pipeline.toml").write_text(PIPELINE.format(change=change))
    plan = subprocess.run([COMMAND, "plan", "pipeline.toml", "--json"], cwd=folder, check=True, capture_output=True)
    [stage] = [one for one in json.loads(plan.stdout)["forecast"] if one["stage"] == "changed"]
    run = [COMMAND, "run", "pipeline.toml", "--quiet"]
    held = [sys.executable, __file__, "held", *map(str, run)]
    ended = subprocess.run(held, cwd=folder, check=True, capture_output=True, text=True)
    return stage["training"]["peak"], float(ended.stdout.split()[-1])


def held(command: list[str]) -> None:
    """Carry a command out and print the most bytes that it held."""
    subprocess.run(command, check=True)
    print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)


def models(folder: Path, width: int) -> None:
    """Three models of one kind, and records for them."""
    import torch
    from tokenizers import Tokenizer, pre_tokenizers
    from tokenizers import models as kinds
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    known: dict[str, int] = {word: number for number, word in enumerate(["<|end|>", *sorted(set(WORDS))])}
    plain: Any = Tokenizer(kinds.WordLevel(known, unk_token="<|end|>"))
    plain.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=plain, eos_token="<|end|>", pad_token="<|end|>")
    for seed, name in enumerate(("first", "second", "third")):
        torch.manual_seed(seed)
        config = LlamaConfig(
            vocab_size=4096,
            hidden_size=width,
            intermediate_size=width * 8 // 3 // 32 * 32,
            num_hidden_layers=12 if width > 64 else 2,
            num_attention_heads=width // 32,
            max_position_embeddings=512,
            tie_word_embeddings=True,
        )
        LlamaForCausalLM(config).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    draw = random.Random(0)
    lines = (json.dumps({"text": " ".join(draw.choices(WORDS, k=200))}) for _ in range(50))
    (folder / "text.jsonl").write_text("\n".join(lines))


if __name__ == "__main__":
    if sys.argv[1:2] == ["models"]:
        models(Path(sys.argv[2]), int(sys.argv[3]))
    elif sys.argv[1:2] == ["held"]:
        held(sys.argv[2:])
    else:
        main()
