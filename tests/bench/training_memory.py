"""Peak memory of a step with a vocabulary of 151,936: the loss in chunks against the plain one.

    python tests/bench/training_memory.py

The peak is that of a process of its own (VmHWM, set back before the step) for one forward and backward pass, beyond
what the process held before: weights and their gradients are there by then.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from training import CONTEXT, network, print_machine

VOCABULARY = 151_936
"""That of Qwen 2.5 and 3."""


def memory_step(how: str) -> None:
    """One forward and backward pass in this process; prints its peak in bytes."""
    import torch

    from finery_plugins.train.loss import TokenLoss

    torch.set_num_threads(1)
    model = network(VOCABULARY, 128, 2).train()
    ids = torch.randint(4, VOCABULARY, (2, CONTEXT))
    model(input_ids=ids[:1, :8], labels=ids[:1, :8]).loss.backward()
    Path("/proc/self/clear_refs").write_text("5")
    before = resident("VmRSS")
    if how == "plain":
        model(input_ids=ids, labels=ids, use_cache=False).loss.backward()
    else:
        with TokenLoss(model) as loss:
            loss(model, {"input_ids": ids}, ids)[0].backward()
    print(resident("VmHWM") - before)


def resident(word: str) -> int:
    """What Linux says of this process's memory, in bytes."""
    line = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith(word))
    return int(line.split()[1]) * 1024


def compared() -> None:
    """The table."""
    rows = 2 * CONTEXT
    logits = rows * VOCABULARY * 4 / 2**20
    print(f"\n{rows:,} tokens, vocabulary {VOCABULARY:,} ({logits:,.0f} MiB of logits)\n")
    print("| loss | MiB | of the plain loss |\n| --- | ---: | ---: |")
    peaks = {how: peak(how) for how in ("plain", "in chunks")}
    for how, size in peaks.items():
        print(f"| {how} | {size / 2**20:,.0f} | {size / peaks['plain']:.2f} |")


def peak(how: str) -> int:
    """The peak of a step in a process of its own, in bytes."""
    done = subprocess.run([sys.executable, __file__, how], capture_output=True, text=True, check=True, env=os.environ)
    return int(done.stdout.split()[-1])


def main() -> None:
    """The table, or with a word, one side of it."""
    if len(sys.argv) > 1:
        memory_step(sys.argv[1])
        return
    print_machine()
    compared()


if __name__ == "__main__":
    main()
