"""What a training asks of a machine, as its plugin says it: the values of the hooks `demand` and `trial`.

The kernel knows no objective: it does arithmetic over these numbers, and an objective that says none of them is
"unknown" in a plan, never guessed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

Aim = Literal["pretrain", "continue", "tune", "prefer", "reward", "reinforce", "change"]
"""What a training is for: which advice applies to it. `change` makes weights into others, and trains none."""


@dataclass(frozen=True)
class Network:
    """The sizes of a transformer."""

    parameters: int
    """All of them, weights that are shared counted once."""
    layers: int
    width: int
    """Of the hidden states."""
    heads: int
    queries: int
    """The width of all heads' queries together: `heads` times the width of one."""
    keys: int
    """The width of all keys together, and of all values: less than `queries` where heads share them."""
    feedforward: int
    """The width of the feed-forward layers; of all experts that see one token together."""
    vocabulary: int
    is_gated: bool = True
    """Whether feed-forward layers have a gate: three matrices where plain ones have two."""
    is_tied: bool = True
    """Whether the output head is the input embedding."""
    head_norms: bool = False
    """Whether queries and keys are normalised, as Qwen 3 does."""
    feedforward_copies: int | None = None
    """Numbers as wide as the feed-forward layers that one keeps for the backward pass, a token: 5 for the GELU that
    GPT-2 writes in Python; where not given, 4 with a gate and 2 without."""
    is_dropping: bool = False
    """Whether it leaves activations out while it is trained, where a stage says nothing of it."""
    norm_copies: int = 2
    """Hidden states that a norm keeps for the backward pass: 2 for RMS norms written in Python, 1 for layer norms."""
    context: int | None = None
    """Tokens that it knows positions for."""
    active: int | None = None
    """Parameters that see one token, where experts share the work; all where not given."""
    kind: str = ""
    """The `model_type`."""
    is_chat: bool | None = None
    """Whether its tokenizer has a chat template; None where that is not known."""
    guessed: str = ""
    """Where the sizes are from, where they were not read: `its name`."""

    @property
    def embedding(self) -> int:
        """Parameters of one table of embeddings."""
        return self.vocabulary * self.width

    @property
    def computing(self) -> int:
        """Parameters that multiply something for each token: all but an input embedding of its own."""
        known = self.parameters if self.active is None else self.active
        return known if self.is_tied else known - self.embedding

    @property
    def block(self) -> int:
        """Parameters of one layer's matrices."""
        attention = 2 * self.width * self.queries + 2 * self.width * self.keys
        return attention + (3 if self.is_gated else 2) * self.width * self.feedforward


@dataclass(frozen=True)
class Amount:
    """How much text of one source stands before a stage, as far as that is known before a run."""

    source: str
    records: int
    characters: float
    """Of all records."""
    lengths: Sequence[float] = ()
    """Characters of the records that were looked at."""
    sample: Sequence[str] = ()
    """Some of their texts."""
    answers: float = 1.0
    """The share of the characters that a model answers with, where records are conversations."""
    turns: float = 0.0
    """Messages of a record on average, where records are conversations."""
    splits: Mapping[str, float] = field(default_factory=dict)
    """The share of the records that each value of the column `split` has; empty where there is no such column."""
    origin: Literal["counted", "sampled", "expected"] = "counted"
    """Counted where the stages before it have run; sampled from its files; expected where a stage has yet to say how
    much is kept."""


@dataclass(frozen=True)
class Companion:
    """A second network that is trained on the same rows in the same steps, such as ELECTRA's generator. The fields are
    those of `Demand`; all that stands there and not here holds for both."""

    network: Network
    learnt: float = 1.0
    scores: int | None = None
    trained: int | None = None
    added: int = 0
    rank: int = 0


@dataclass(frozen=True)
class Demand:
    """One training, in numbers. What is not given is what plain training in 32 bits has."""

    network: Network
    aim: Aim
    rows: int
    """Sequences in one forward pass of one worker; a pair of answers counts twice."""
    context: int
    """Tokens of a sequence at most."""
    steps: int
    """Optimizer steps."""
    tokens: float
    """Tokens that go through the network in all steps, padding included."""
    records: int
    """Different records that are trained on."""
    accumulate: int = 1
    """Forward passes summed into one step, of all workers together."""
    epochs: float = 1.0
    filled: float = 1.0
    """The share of `tokens` that is no padding."""
    learnt: float = 1.0
    """The share of the filled tokens that a loss is taken on."""
    by_source: Mapping[str, float] = field(default_factory=dict)
    """Tokens of one epoch of each source."""
    trained: int | None = None
    """Parameters that are trained; all where not given."""
    added: int = 0
    """Of these, what a method adds to the network's own, such as an adapter."""
    rank: int = 0
    """The rank of an adapter beside the matrices."""
    method: str = "full"
    frozen_bytes: float = 4
    """Bytes of a parameter that is not trained."""
    compute_bytes: int = 4
    """Bytes of a number in the forward pass: 2 for mixed precision."""
    is_checkpointed: bool = False
    """Whether activations are worked out again in the backward pass."""
    is_dropping: bool = False
    """Whether activations are left out by chance: without an accelerator's kernels a layer keeps whole scores then."""
    is_masked: bool = False
    """Whether several documents share a row behind a mask."""
    logits: int | None = None
    """Logits that are held at once; all of a pass where not given."""
    logit_copies: float = 2
    """How many times they are there at once, in 32 bits."""
    scores: int | None = None
    """Numbers that the head answers a token with; as many as the vocabulary where not given."""
    companion: Companion | None = None
    beside: float = 0
    """Bytes of other models in memory, such as a reference."""
    looks: float = 0
    """Forward passes without a backward one that each token takes besides, such as of a reference."""
    workers: int = 1
    zero: int = 0
    """DeepSpeed's stage."""
    offload: str = ""
    """`optimizer`, or `parameters` too: what lies in the machine's memory."""
    lr: float | None = None
    warmup: float | None = None
    checkpoints: int = 2
    """Checkpoints that lie on the disk at once."""
    levers: Mapping[str, str] = field(default_factory=dict)
    """What to write in the stage for something else: of `checkpointing`, `mixed`, `adapter` and `quantised` (with
    `{rank}`), `batch` (half of it, twice accumulated), `context` (with `{context}`), `zero` (with `{stage}` and
    `{workers}`). What it lacks is not proposed."""
    notes: Sequence[str] = ()
    """What was assumed, for the reader."""

    @property
    def networks(self) -> tuple[Demand, ...]:
        """One demand for each network: this one, and that of its companion."""
        return (self, replace(self, companion=None, beside=0, **vars(self.companion))) if self.companion else (self,)

    @property
    def learning(self) -> int:
        """Parameters that are trained."""
        return self.network.parameters if self.trained is None else self.trained

    @property
    def frozen(self) -> int:
        """Parameters that are not."""
        return self.network.parameters + self.added - self.learning

    @property
    def share(self) -> float:
        """The trained share of the network's own parameters."""
        return self.learning / max(self.network.parameters, 1)

    @property
    def pass_tokens(self) -> int:
        """Tokens of one forward pass of one worker."""
        return self.rows * self.context


@dataclass(frozen=True)
class Trial:
    """What a try of a training took."""

    peak_bytes: float
    """The most that was held at once: weights, gradients, states, activations and what came and went."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Of the peak, in bytes, by what it is, such as `weights`, `optimizer`, `forward`, `backward`."""
    phase: str = ""
    """Where the peak was: `forward`, `backward` or `step`."""
    seconds: float | None = None
    """Of one step; None where nothing was computed."""
    steps: int = 0
    """Steps that were taken."""
    notes: Sequence[str] = ()
