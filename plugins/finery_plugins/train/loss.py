"""Cross entropy a token, straight from the last hidden states: the full logits are never held.

For a vocabulary of 152,000 and 8 rows of 2,048 tokens, logits and their gradient would take 20 GB in 32 bits;
in chunks, 128 MB. The gradient is worked out beside the loss, as Liger's fused kernel does (Hsu et al. 2024),
so nothing is computed twice.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from finery_plugins.train.architecture import fitting
from finery_plugins.train.tokens import UNTRAINED

CHUNK_LOGITS = 1 << 24
"""Logits held at once: 64 MB in 32 bits."""


class TokenLoss:
    """A causal model that answers with the loss of each token in place of logits.

    While attached, the model's output head works the loss out itself, inside the model's own forward pass, so
    that whatever wraps the model still sees one call. Models that do more to their logits than the head does
    (soft caps, scales, an adapted head) are found by trying, and keep their logits.
    """

    def __init__(self, model: Any, is_plain: bool | None = None) -> None:
        self.head = model.get_output_embeddings()
        # The model itself is asked what it takes: what wraps it for several workers would not say.
        self.fitting = functools.partial(fitting, model)
        self.is_plain = has_plain_head(model, self.head) if is_plain is None else is_plain
        self.labels: Any = None
        self.nll: Any = None
        self.hidden: Any = None
        """What the head was fed for each labelled token (n, width)."""
        self.right: Any = None
        """Which labelled tokens (n,) have the largest logit, as bools."""

    def __enter__(self) -> TokenLoss:
        if self.is_plain:
            self.head.forward = self.answer
        return self

    def __exit__(self, *error: object) -> None:
        if self.is_plain:
            with suppress(AttributeError):
                del self.head.forward

    def __call__(self, model: Any, inputs: Mapping[str, Any], labels: Any) -> tuple[Any, Any]:
        """The summed loss, to differentiate, and the loss (n,) in nats of each labelled token, in order of
        `labels`.

        `labels` (rows, tokens) stand beside what predicts them: they are not shifted again.
        """
        self.labels = labels.reshape(-1)
        answer = model(**self.fitting({**inputs, "use_cache": False})).logits
        total = answer if self.is_plain else self.from_logits(answer)
        return total, self.nll

    def answer(self, hidden: Any) -> Any:
        """The summed loss from hidden states (rows, tokens, width)."""
        import torch

        trained = self.chosen()
        flat = hidden.reshape(-1, hidden.shape[-1])[trained]
        wanted = self.labels[trained]
        self.hidden = flat.detach()
        leaves = [flat, self.head.weight, self.head.bias]
        if not torch.is_grad_enabled():
            leaves = [leaf if leaf is None else leaf.detach() for leaf in leaves]
        self.right = torch.empty(len(wanted), dtype=torch.bool, device=hidden.device)
        total, self.nll = fused()(*leaves, wanted, self.right)
        return total

    def chosen(self) -> Any:
        """Which labels are trained: flags, or places."""
        return self.labels != UNTRAINED

    def from_logits(self, logits: Any) -> Any:
        """The summed loss from logits (rows, tokens, vocabulary)."""
        import torch

        trained = self.chosen()
        flat = logits.reshape(-1, logits.shape[-1])[trained].float()
        losses = torch.nn.functional.cross_entropy(flat, self.labels[trained], reduction="none")
        self.nll = losses.detach()
        self.right = flat.detach().argmax(-1) == self.labels[trained]
        return losses.sum()


def has_plain_head(model: Any, head: Any) -> bool:
    """Whether the model's logits are its output head's answer and nothing more, seen on three tokens."""
    import torch

    if type(head) is not torch.nn.Linear:
        return False
    seen: list[Any] = []
    handle = head.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0]))
    was_training = model.training
    model.eval()
    with torch.no_grad():
        ids = torch.tensor([[1, 2, 3]], device=head.weight.device)
        logits = model(input_ids=ids, **fitting(model, {"use_cache": False})).logits
        plain = torch.nn.functional.linear(seen[0], head.weight, head.bias)
    handle.remove()
    model.train(was_training)
    alike = logits.shape == plain.shape
    return alike and bool(torch.allclose(logits.float(), plain.float(), rtol=1e-4, atol=1e-4, equal_nan=True))


@functools.cache
def fused() -> Any:
    """The summed cross entropy of a linear layer as one differentiable function, made when torch is there."""
    import torch

    parts = {"forward": staticmethod(forward), "backward": staticmethod(backward)}
    return type("LinearCrossEntropy", (torch.autograd.Function,), parts).apply  # type: ignore[attr-defined]


def forward(context: Any, hidden: Any, weight: Any, bias: Any, labels: Any, right: Any = None) -> tuple[Any, Any]:
    """Summed loss and loss a token (n,), from hidden (n, width), weight (vocabulary, width) and labels (n,).

    Whether a label has the largest logit goes to `right` (n,), where that is wanted.
    """
    import torch

    needs = context.needs_input_grad
    wanted = [torch.zeros_like(x) if need else None for x, need in zip((hidden, weight, bias), needs, strict=False)]
    nll = torch.empty(len(labels), dtype=torch.float32, device=hidden.device)
    rows = max(64, CHUNK_LOGITS // len(weight))
    for start in range(0, len(labels), rows):
        part = slice(start, start + rows)
        logits = torch.nn.functional.linear(hidden[part], weight, bias).float()
        log_shares = torch.log_softmax(logits, dim=-1)
        if right is not None:
            torch.eq(logits.argmax(-1), labels[part], out=right[part])
        nll[part] = -log_shares.gather(1, labels[part, None])[:, 0]
        add_gradients(wanted, part, log_shares, hidden, weight, labels[part])
    context.save_for_backward(*wanted)
    context.mark_non_differentiable(nll)
    return nll.sum(), nll


def add_gradients(wanted: list[Any], part: slice, log_shares: Any, hidden: Any, weight: Any, labels: Any) -> None:
    """Add one chunk's part to the gradients of hidden, weight and bias that are wanted."""
    import torch

    if all(gradient is None for gradient in wanted):
        return
    # d(loss)/d(logits) is the softmax, less one at the label.
    slopes = log_shares.exp_()
    slopes[torch.arange(len(labels), device=labels.device), labels] -= 1
    for_hidden, for_weight, for_bias = wanted
    if for_hidden is not None:
        for_hidden[part] = slopes.to(weight.dtype) @ weight
    if for_weight is not None:
        for_weight += slopes.T.to(hidden.dtype) @ hidden[part]
    if for_bias is not None:
        for_bias += slopes.sum(0)


def backward(context: Any, scale: Any, _: Any) -> tuple[Any, ...]:
    """Gradients of hidden, weight and bias, times that of the sum."""
    gradients = [None if kept is None else kept * scale.to(kept.dtype) for kept in context.saved_tensors]
    return (*gradients, None, None)
