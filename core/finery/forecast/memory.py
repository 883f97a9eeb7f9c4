"""Memory of one worker in closed form: what lies there all the time, and the peak of each phase of a step.

A step has three phases. Forward: weights and states lie there, activations pile up, and the loss comes on top.
Backward: activations go as gradients come. Step: weights, gradients and states, and little else. The peak is the
largest of them, which the bytes-a-parameter rules of thumb leave to the reader.

The counts of activations are of decoder layers as transformers writes them and PyTorch keeps them, with an attention
that never holds its scores; DeepSpeed's stages are those of Rajbhandari et al. 2020.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

from finery.demand import Demand

STATE_BYTES = 8
"""AdamW's two averages in 32 bits."""
WEIGHT_BYTES = 4
GRADIENT_BYTES = 4
SCORE_COPIES = 3
"""Attention that leaves scores out in plain steps keeps them after the softmax, which stay, and what is left."""
NOISES = 2
"""Hidden states of chances that a layer keeps which leaves activations out."""
BUCKET_BYTES = 2 * 25 * 2**20
"""What DDP sums gradients in, and DeepSpeed too."""


@dataclass(frozen=True)
class Split:
    """How a model is divided beside the workers that see other data."""

    tensor: int = 1
    """Cards that share every matrix (Shoeybi et al. 2019)."""
    pipeline: int = 1
    """Cards that share the layers."""

    @property
    def ways(self) -> int:
        """Cards that hold one model together."""
        return self.tensor * self.pipeline


@dataclass(frozen=True)
class Memory:
    """Bytes of one worker."""

    weights: float
    gradients: float
    states: float
    activations: float
    """What the layers keep for the backward pass."""
    loss: float
    """Logits and what the loss makes of them."""
    buffers: float
    """Casts of weights, masks, what communication needs, other models."""
    forward: float
    """The peak of each phase."""
    backward: float
    step: float
    host: float = 0.0
    """Bytes in the machine's own memory, where something is offloaded."""

    @property
    def peak(self) -> float:
        """The most that is held at once."""
        return max(self.forward, self.backward, self.step)

    @property
    def phase(self) -> str:
        """The phase of the peak."""
        peaks = {"forward": self.forward, "backward": self.backward, "step": self.step}
        return max(peaks, key=lambda name: peaks[name])


def memory(demand: Demand, split: Split | None = None) -> Memory:
    """What one worker holds."""
    return functools.reduce(together, (of_one(one, split or Split()) for one in demand.networks))


def together(own: Memory, other: Memory) -> Memory:
    """What two networks hold that are trained in the same steps. The other's forward pass comes first: its loss is
    worked out when nothing of this one's pass is there yet."""
    first = other.forward + own.weights + own.states + own.buffers
    second = own.forward + other.weights + other.states + other.activations + other.buffers
    parts = ("weights", "gradients", "states", "activations", "loss", "buffers", "backward", "step", "host")
    sums = {name: getattr(own, name) + getattr(other, name) for name in parts}
    return Memory(forward=max(first, second), **sums)


def of_one(demand: Demand, split: Split) -> Memory:
    """What one worker holds of one network."""
    weights, gradients, states, host = model_states(demand, split)
    kept, layer = activations(demand, split)
    loss, saved = loss_bytes(demand, split)
    buffers = buffer_bytes(demand, split)
    always = weights + states + buffers
    before = gradients if demand.accumulate > demand.workers else 0.0
    temporary = layer + gathered(demand, split)
    forward = always + before + kept + max(loss, layer) + gathered(demand, split)
    begins = always + before + kept + saved + temporary * demand.is_checkpointed
    backward = max(begins, always + gradients + temporary)
    step = always + gradients
    return Memory(weights, gradients, states, kept, loss, buffers, forward, backward, step, host)


def model_states(demand: Demand, split: Split) -> tuple[float, float, float, float]:
    """Bytes of weights, gradients and optimizer states of one worker, and of what lies in the machine's memory."""
    learning, frozen = demand.learning / split.ways, demand.frozen / split.ways
    among, zero = max(demand.workers, 1), demand.zero
    weights = learning * WEIGHT_BYTES + frozen * demand.frozen_bytes
    weights /= among if zero >= 3 else 1
    gradients = learning * GRADIENT_BYTES / (among if zero >= 2 else 1)
    states = learning * STATE_BYTES / (among if zero >= 1 else 1)
    host = 0.0
    if demand.offload:
        host, states = states, 0.0
    if demand.offload == "parameters":
        host, weights = host + weights, 0.0
    return weights, gradients, states, host * among


def zero_table(parameters: float, workers: int) -> tuple[float, float, float, float]:
    """Bytes of model states in 16-bit mixed precision without ZeRO and at its stages 1, 2 and 3: 2 for weights, 2 for
    gradients and 12 for AdamW's states with their 32-bit weights (Rajbhandari et al. 2020, figure 1)."""
    two, twelve = 2 * parameters, 12 * parameters
    first = 2 * two + twelve / workers
    return 2 * two + twelve, first, two + (two + twelve) / workers, (2 * two + twelve) / workers


def rule_of_thumb(demand: Demand) -> tuple[float, float]:
    """16 and 20 bytes a trained parameter, and what the frozen ones take: mixed precision as it is most often counted,
    without activations, logits and buffers."""
    frozen = demand.frozen * demand.frozen_bytes
    return 16.0 * demand.learning + frozen, 20.0 * demand.learning + frozen


def activations(demand: Demand, split: Split) -> tuple[float, float]:
    """Bytes that the layers keep for the backward pass, and of one layer's own; nothing where none comes."""
    network, tokens = demand.network, demand.pass_tokens
    layers = network.layers / split.pipeline
    # A first stage of a pipeline holds what as many passes as there are stages keep.
    passes = split.pipeline
    one = tokens * layer_numbers(demand) * demand.compute_bytes / split.tensor + mask_bytes(demand)
    one += noise_bytes(demand) / split.tensor
    hidden = tokens * network.width * demand.compute_bytes
    # What enters the first layer, and what the last norm makes of it.
    ends = hidden * (1 + network.norm_copies)
    if not demand.learning:
        return 0.0, one
    if demand.is_checkpointed:
        return (hidden * layers + ends) * passes, one
    return (one * layers + ends) * passes, one / 4


def layer_numbers(demand: Demand) -> float:
    """Numbers a token that one layer keeps.

    Two residual streams and two norms; queries, keys and values, and the answer of the attention; what a feed-forward
    layer is fed, and makes of it. A frozen norm keeps nothing but its input.
    """
    network = demand.network
    is_whole = not demand.added
    norms = 2 * (network.norm_copies if is_whole else 1) + 2
    # A mask keeps attention from sharing heads: keys and values are repeated.
    keys = network.queries if demand.is_masked else network.keys
    attention = 2 * network.queries + 2 * keys + network.heads
    if network.head_norms:
        attention += 2 * (network.queries + network.keys)
    feedforward = (network.feedforward_copies or (4 if network.is_gated else 2)) * network.feedforward
    adapters = demand.rank * (7 if network.is_gated else 6)
    return norms * network.width + attention + feedforward + adapters


def noise_bytes(demand: Demand) -> float:
    """Bytes that one layer keeps to leave activations out by chance, without the kernels of an accelerator."""
    if not demand.is_dropping:
        return 0.0
    scores = SCORE_COPIES * demand.network.heads * demand.context
    return demand.pass_tokens * (scores + NOISES * demand.network.width) * demand.compute_bytes


def mask_bytes(demand: Demand) -> float:
    """Bytes of the mask that one layer keeps, where several documents share a row."""
    return demand.rows * demand.context**2 * demand.compute_bytes if demand.is_masked else 0.0


def loss_bytes(demand: Demand, split: Split) -> tuple[float, float]:
    """Bytes that come on top when the loss is worked out, and that are there when the backward pass begins."""
    network = demand.network
    tokens = demand.pass_tokens * demand.filled * demand.learnt / split.tensor
    scores = network.vocabulary if demand.scores is None else demand.scores
    held = tokens * scores if demand.logits is None else min(tokens * scores, max(demand.logits, 64 * scores))
    logits = held * 4 * demand.logit_copies
    cast = held * demand.compute_bytes if demand.compute_bytes < 4 else 0.0
    hidden = tokens * network.width * demand.compute_bytes
    if demand.logits is None:
        return logits + cast + hidden, logits + cast
    # The head's gradient is worked out beside the loss, and added up chunk by chunk; the chunk before is let go late.
    head = scores * network.width * 4 if not demand.added and demand.share > 0.5 else 0.0
    late = held * 4 if held < tokens * scores else 0.0
    return logits + cast + 2 * hidden + max(2 * head, head + late), 3 * hidden + 2 * head


def buffer_bytes(demand: Demand, split: Split) -> float:
    """Casts of the weights to 16 bits, which a pass keeps; what communication sums in; other models."""
    casts = demand.network.computing * demand.compute_bytes / split.ways if demand.compute_bytes < 4 else 0.0
    communication = BUCKET_BYTES if demand.workers > 1 else 0
    return casts + communication + demand.beside


def gathered(demand: Demand, split: Split) -> float:
    """The whole weights of one layer, where no worker has them all."""
    return demand.network.block * WEIGHT_BYTES / split.ways if demand.zero >= 3 else 0.0
