"""The loss: equal to torch's own, in value and gradient, whatever the chunks; packed equals unpacked."""

from __future__ import annotations

from itertools import pairwise

import pytest
from training_samples import MemoryDataset, dataset, sentences

from finery import Model, World
from finery_plugins.train import loss as losses
from finery_plugins.train.architecture import loaded_model
from finery_plugins.train.causal import Causal, leaks
from finery_plugins.train.loop import Loop
from finery_plugins.train.loss import TokenLoss
from finery_plugins.train.packing import packed, schedule
from finery_plugins.train.pretrain import Pretrain
from finery_plugins.train.records import Records
from finery_plugins.train.rows import Plan
from finery_plugins.train.site import Site
from finery_plugins.train.texts import encoding
from finery_plugins.train.tokenizer import loaded_tokenizer
from finery_plugins.train.tokens import UNTRAINED, tokenised


def gradients(total, *tensors):
    """The gradients of some tensors."""
    import torch

    return torch.autograd.grad(total, tensors)


@pytest.mark.parametrize("has_bias", [False, True])
def test_the_fused_loss_equals_torchs(has_bias: bool, monkeypatch) -> None:
    import torch

    monkeypatch.setattr(losses, "CHUNK_LOGITS", 64 * 50)
    torch.manual_seed(3)
    hidden, weight = (torch.randn(n, 16, dtype=torch.float64, requires_grad=True) for n in (200, 50))
    bias = torch.randn(50, dtype=torch.float64, requires_grad=True) if has_bias else None
    wanted = torch.randint(0, 50, (200,))
    leaves = [leaf for leaf in (hidden, weight, bias) if leaf is not None]
    plain = torch.nn.functional.cross_entropy(torch.nn.functional.linear(hidden, weight, bias), wanted, reduction="sum")
    total, nll = losses.fused()(hidden, weight, bias, wanted)
    assert total.item() == pytest.approx(plain.item(), rel=1e-6)
    assert nll.sum().item() == pytest.approx(plain.item(), rel=1e-6)
    for ours, theirs in zip(gradients(total / 7, *leaves), gradients(plain / 7, *leaves), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6)


def test_losses_in_chunks_are_those_of_full_logits_bit_for_bit(monkeypatch) -> None:
    import torch

    monkeypatch.setattr(losses, "CHUNK_LOGITS", 64 * 500)
    torch.manual_seed(3)
    hidden, weight, wanted = torch.randn(300, 32), torch.randn(500, 32), torch.randint(0, 500, (300,))
    right = torch.empty(300, dtype=torch.bool)
    logits = torch.nn.functional.linear(hidden, weight)
    plain = torch.nn.functional.cross_entropy(logits, wanted, reduction="none")
    total, nll = losses.fused()(hidden, weight, None, wanted, right)
    assert torch.equal(nll, plain)
    assert torch.equal(total, plain.sum())
    assert torch.equal(right, logits.argmax(-1) == wanted)


def test_no_tensor_holds_all_logits(base: Model, monkeypatch) -> None:
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    class Largest(TorchDispatchMode):
        numbers = 0

        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            found = function(*args, **(kwargs or {}))
            made = found if isinstance(found, tuple | list) else (found,)
            self.numbers = max([self.numbers, *(x.numel() for x in made if isinstance(x, torch.Tensor))])
            return found

    network = loaded_model(base, "test")
    ids = torch.randint(4, 300, (8, 129))
    monkeypatch.setattr(losses, "CHUNK_LOGITS", 64 * network.config.vocab_size)
    with TokenLoss(network) as loss, Largest() as seen:
        total, _ = loss(network, {"input_ids": ids[:, :-1]}, ids[:, 1:])
        total.backward()
    assert seen.numbers < 8 * 128 * network.config.vocab_size / 3


def test_the_models_own_loss_and_gradients_come_out(base: Model) -> None:
    import torch

    network = loaded_model(base, "test")
    torch.manual_seed(5)
    ids = torch.randint(4, 300, (2, 20))
    labels = ids.clone()
    labels[:, :5] = UNTRAINED
    network(input_ids=ids, labels=labels).loss.backward()
    theirs = [parameter.grad.clone() for parameter in network.parameters()]
    network.zero_grad()
    with TokenLoss(network) as loss:
        assert loss.is_plain
        total, nll = loss(network, {"input_ids": ids[:, :-1]}, labels[:, 1:])
    (total / len(nll)).backward()
    for ours, expected in zip((p.grad for p in network.parameters()), theirs, strict=True):
        assert torch.allclose(ours, expected, atol=1e-6)


def test_the_model_is_left_as_it_was(base: Model) -> None:
    import torch

    network = loaded_model(base, "test")
    with TokenLoss(network):
        pass
    assert network(input_ids=torch.tensor([[5, 6]])).logits.shape == (1, 2, network.config.vocab_size)


def test_a_model_that_caps_its_logits_keeps_them() -> None:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    shape = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "num_key_value_heads": 2}
    config = AutoConfig.for_model(
        "gemma2", vocab_size=60, head_dim=8, intermediate_size=32, final_logit_softcapping=0.5, **shape
    )
    torch.manual_seed(1)
    network = AutoModelForCausalLM.from_config(config)
    ids = torch.tensor([[5, 9, 2, 7]])
    with TokenLoss(network) as loss:
        assert not loss.is_plain
        total, nll = loss(network, {"input_ids": ids[:, :-1]}, ids[:, 1:])
    expected = network(input_ids=ids, labels=ids).loss
    assert nll.mean().item() == pytest.approx(expected.item(), rel=1e-5)
    assert total.item() == pytest.approx(3 * expected.item(), rel=1e-5)


@pytest.fixture
def plan(base: Model, stage, journal, tmp_path) -> Plan:
    """Sentences of many lengths, packed into rows of 64 tokens."""
    texts = [text[: 20 + 9 * k] for k, text in enumerate(sentences(20, length=30))]
    examples: MemoryDataset = dataset({"forge": {"text": texts}})
    site = Site(tmp_path, World(), stage, journal)
    tokenizer = loaded_tokenizer(base, "test")
    tokens = tokenised(Records(examples, stage, "train"), ["text"], encoding(tokenizer), 1.0, site)
    rows = packed(tokens, 64, together=True)
    return Plan(rows, schedule(rows, len(rows), stage), Loop.of(Pretrain()))


def test_packed_documents_are_answered_as_if_alone(base: Model, plan: Plan) -> None:
    import torch

    network = loaded_model(base, "test").eval()
    assert not leaks(network)
    assert len(plan.rows) < len(plan.rows.sequences)
    for number in range(len(plan.rows)):
        ids, positions, _, _ = (torch.from_numpy(part)[None] for part in plan.row(number))
        with torch.no_grad():
            together = network(input_ids=ids, position_ids=positions, use_cache=False).logits[0]
            starts = [*torch.nonzero(positions[0] == 0)[:, 0].tolist(), ids.shape[1]]
            pieces = [ids[:, a:b] for a, b in pairwise(starts)]
            alone = torch.cat([network(input_ids=piece).logits[0] for piece in pieces])
        assert torch.allclose(together, alone, atol=1e-5)


def test_labels_are_the_next_tokens(plan: Plan) -> None:
    batch = plan.batch(range(len(plan.rows)))
    ids, labels, positions = (batch[name] for name in ("input_ids", "labels", "position_ids"))
    goes_on = positions[:, 1:] == positions[:, :-1] + 1
    assert (labels[:, :-1][goes_on] == ids[:, 1:][goes_on]).all()
    assert (labels != UNTRAINED).sum() == plan.rows.lengths.sum()


def test_norms_and_biases_do_not_decay(base: Model, plan: Plan, stage, journal, tmp_path) -> None:
    from finery_plugins.train.account import Account
    from finery_plugins.train.trainer import made_trainer
    from finery_plugins.train.workers import share

    network = loaded_model(base, "test")
    site = Site(tmp_path, World(), stage, journal)
    loop = Loop.of(Pretrain(weight_decay=0.1), lr=1e-3)
    made = Plan(plan.rows, plan.order, loop)
    account = Account(made, site, share(loop.step_rows, loop.batch, site.world, site.place))
    trainer = made_trainer(network, Causal(None), made, account, tmp_path / "checkpoints")
    trainer.create_optimizer()
    groups = {group["weight_decay"]: group["params"] for group in trainer.optimizer.param_groups}
    assert sorted(groups) == [0.0, 0.1]
    assert {parameter.dim() for parameter in groups[0.0]} == {1}
    assert {parameter.dim() for parameter in groups[0.1]} == {2}
