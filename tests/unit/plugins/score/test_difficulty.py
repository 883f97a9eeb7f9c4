"""The score `difficulty` is what plain forward passes say of an answer, behind its instruction and alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from finery import PipelineError, Tally, UsageError
from finery.testing import check, sample
from finery_plugins.score.difficulty import Difficulty
from finery_plugins.train.tokenizer import plain_ids, trained_tokenizer

BatchOf = Callable[..., pa.Table]

PAIRS = [
    ("Where does the mill stand?", "The mill stands above the weir."),
    ("What melts first?", "Tin melts first, then copper, and bronze somewhere between the two of them."),
    ("Say yes.", "Yes."),
]
CONTEXT = 64


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Folders of one tiny causal model with random weights: with a chat template, without, and without openings."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(8)
    tokenizer = trained_tokenizer([text for pair in PAIRS for text in pair] * 3, 320, CONTEXT)
    sizes = {"hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(vocab_size=len(tokenizer), max_position_embeddings=CONTEXT, initializer_range=0.2, **sizes)
    network, folders = LlamaForCausalLM(config), {}
    for kind in ("chat", "plain", "unopened"):
        folders[kind] = str(tmp_path_factory.mktemp(kind))
        network.save_pretrained(folders[kind])
        tokenizer.chat_template = tokenizer.chat_template if kind == "chat" else None
        if kind == "unopened":
            tokenizer.bos_token = tokenizer.eos_token = None
        tokenizer.save_pretrained(folders[kind])
    return folders


def loaded(folder: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    return AutoModelForCausalLM.from_pretrained(folder).eval(), AutoTokenizer.from_pretrained(folder)


def nats(network: Any, before: list[int], answer: list[int]) -> float:
    """The nats of an answer's tokens behind others, by plain logits."""
    import torch

    ids = [*before, *answer]
    with torch.no_grad():
        logits = network(input_ids=torch.tensor([ids])).logits[0].double().log_softmax(-1)
    return -sum(float(logits[at - 1, ids[at]]) for at in range(max(1, len(before)), len(ids)))


def scored(plugin: Difficulty, batch: pa.Table) -> tuple[dict[str, list[Any]], Tally]:
    tally = Tally()
    return {name: values.to_pylist() for name, values in plugin.score(batch=batch, tally=tally).items()}, tally


def alpaca(batch_of: BatchOf, pairs: Sequence[tuple[str | None, str | None]]) -> pa.Table:
    questions, answers = zip(*pairs, strict=True)
    return batch_of(instruction=list(questions), input=[None] * len(pairs), output=list(answers))


def test_it_is_the_ratio_of_two_plain_losses(batch_of: BatchOf, models: dict[str, str]) -> None:
    network, tokenizer = loaded(models["plain"])
    found, tally = scored(Difficulty(causal=models["plain"]), alpaca(batch_of, PAIRS))
    opening = [tokenizer.bos_token_id]
    for row, (question, answer) in enumerate(PAIRS):
        before, ids = plain_ids(tokenizer, [f"{question}\n\n", answer])
        given, alone = nats(network, opening + before, ids), nats(network, opening, ids)
        assert found["answer_tokens"][row] == len(ids)
        assert found["answer_loss"][row] == pytest.approx(given / len(ids), rel=1e-5)
        assert found["answer_loss_alone"][row] == pytest.approx(alone / len(ids), rel=1e-5)
        assert found["difficulty"][row] == pytest.approx(given / alone, rel=1e-5)
    assert tally == {}


def test_a_chat_template_puts_the_question(batch_of: BatchOf, models: dict[str, str]) -> None:
    network, tokenizer = loaded(models["chat"])
    found, _ = scored(Difficulty(causal=models["chat"]), alpaca(batch_of, PAIRS))
    for row, (question, answer) in enumerate(PAIRS):
        asked = f"<|im_start|>user\n{question}<|im_end|>\n<|im_start|>assistant\n"
        before = tokenizer(asked, add_special_tokens=False)["input_ids"]
        (ids,) = plain_ids(tokenizer, [answer])
        ratio = nats(network, before, ids) / nats(network, [tokenizer.bos_token_id], ids)
        assert found["difficulty"][row] == pytest.approx(ratio, rel=1e-5)


def test_of_a_dialogue_all_answers_count_given_what_was_said(batch_of: BatchOf, models: dict[str, str]) -> None:
    kind = pa.list_(pa.struct([("role", pa.large_string()), ("content", pa.large_string())]))
    said = [
        ("assistant", "Hello."),
        ("user", "Where?"),
        ("assistant", "Here."),
        ("user", "Yes?"),
        ("assistant", "Yes."),
    ]
    talk = pa.array([[{"role": role, "content": content} for role, content in said]], kind)
    network, tokenizer = loaded(models["plain"])
    found, _ = scored(Difficulty(causal=models["plain"], between="\n"), batch_of(messages=talk))
    opening = [tokenizer.bos_token_id]
    before = [
        opening + plain_ids(tokenizer, [text])[0] for text in ("Hello.\nWhere?\n", "Hello.\nWhere?\nHere.\nYes?\n")
    ]
    answers = plain_ids(tokenizer, ["Here.", "Yes."])
    given = sum(nats(network, asked, answer) for asked, answer in zip(before, answers, strict=True))
    alone = sum(nats(network, opening, answer) for answer in answers)
    assert found["answer_tokens"] == [sum(map(len, answers))]
    assert found["difficulty"] == [pytest.approx(given / alone, rel=1e-5)]


def test_without_an_opening_token_the_first_token_counts_in_neither(batch_of: BatchOf, models: dict[str, str]) -> None:
    network, tokenizer = loaded(models["unopened"])
    found, _ = scored(Difficulty(causal=models["unopened"]), alpaca(batch_of, PAIRS[:1]))
    before, ids = plain_ids(tokenizer, [f"{PAIRS[0][0]}\n\n", PAIRS[0][1]])
    ratio = nats(network, [*before, ids[0]], ids[1:]) / nats(network, ids[:1], ids[1:])
    assert found["answer_tokens"] == [len(ids) - 1]
    assert found["difficulty"] == [pytest.approx(ratio, rel=1e-5)]


def test_an_answer_too_long_is_cut_in_both_losses_and_told(batch_of: BatchOf, models: dict[str, str]) -> None:
    network, tokenizer = loaded(models["plain"])
    question, answer = PAIRS[1]
    before, ids = plain_ids(tokenizer, [f"{question}\n\n", answer])
    context = len(before) + 5  # an opening token, the question, and all but the last of five answer tokens
    found, tally = scored(Difficulty(causal=models["plain"], context=context), alpaca(batch_of, [PAIRS[1]]))
    opening = [tokenizer.bos_token_id]
    assert found["answer_tokens"] == [5]
    ratio = nats(network, opening + before, ids[:5]) / nats(network, opening, ids[:5])
    assert found["difficulty"] == [pytest.approx(ratio, rel=1e-5)]
    assert tally == {"answers cut": 1}


def test_a_question_that_leaves_no_room_has_no_difficulty(batch_of: BatchOf, models: dict[str, str]) -> None:
    plugin = Difficulty(causal=models["plain"], context=8)
    found, tally = scored(plugin, alpaca(batch_of, [("Why? " * 20, "So."), ("a", "b")]))
    assert [value is None for value in found["difficulty"]] == [True, False]
    assert found["answer_tokens"][0] == 0
    assert tally == {"no room": 1}


def test_without_an_answer_there_is_no_difficulty(batch_of: BatchOf, models: dict[str, str]) -> None:
    found, tally = scored(Difficulty(causal=models["plain"]), alpaca(batch_of, [("a", ""), ("a", None), (None, "b")]))
    assert [value is None for value in found["difficulty"]] == [True, True, False]
    assert found["answer_loss"][:2] == [None, None]
    assert tally == {"no answer": 2}


def test_few_tokens_can_be_left_out(batch_of: BatchOf, models: dict[str, str]) -> None:
    found, tally = scored(Difficulty(causal=models["plain"], least_tokens=12), alpaca(batch_of, PAIRS))
    assert [value is None for value in found["difficulty"]] == [count < 12 for count in found["answer_tokens"]]
    assert tally["no answer"] == found["difficulty"].count(None) > 0


def test_batches_change_no_bit(batch_of: BatchOf, models: dict[str, str]) -> None:
    plugin, batch = Difficulty(causal=models["chat"]), alpaca(batch_of, PAIRS)
    together, _ = scored(plugin, batch)
    alone = [scored(plugin, batch.slice(row, 1))[0] for row in range(len(PAIRS))]
    assert together == {name: [one[name][0] for one in alone] for name in together}


def test_text_without_answers_is_refused(batch_of: BatchOf, models: dict[str, str]) -> None:
    with pytest.raises(PipelineError, match="name the sources"):
        scored(Difficulty(causal=models["plain"]), batch_of(text=["a"]))


def test_a_folder_without_safetensors_is_refused(batch_of: BatchOf, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(UsageError, match=r"score 'difficulty': '.*' holds no safetensors weights"):
        scored(Difficulty(causal=str(tmp_path)), alpaca(batch_of, PAIRS))


def test_it_keeps_the_contract(models: dict[str, str]) -> None:
    report = check(Difficulty(causal=models["chat"], context=16), sample("messages").slice(0, 8))
    assert [str(fault) for fault in report.faults] == []
