"""An encoder's embedding is the mean of its hidden states, one text at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from finery import UsageError
from finery_plugins.dedupe.semantic import Semantic
from finery_plugins.text.embedding import Embedding, cosines, levelled
from finery_plugins.text.encoder import encoded, encoder
from finery_plugins.train.tokenizer import trained_tokenizer

TEXTS = ["The mill stood above the weir.", "Yes.", "", "春天的时候水会涨", "word " * 200]


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A folder of a tiny encoder with random weights."""
    import torch
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("encoder")
    torch.manual_seed(5)
    tokenizer = trained_tokenizer(TEXTS, 300, 40)
    sizes = {"hidden_size": 24, "intermediate_size": 48, "num_hidden_layers": 2, "num_attention_heads": 2}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=40, **sizes)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


def test_it_is_the_mean_hidden_state_of_length_one(model: str) -> None:
    import torch

    loaded = encoder(model)
    for text, found in zip(TEXTS, encoded(model, TEXTS), strict=True):
        ids = loaded.tokenizer(text)["input_ids"][:38]
        with torch.no_grad():
            mean = loaded.model(torch.tensor([ids])).last_hidden_state[0].mean(0)
        assert np.allclose(found, (mean / mean.norm()).numpy(), atol=1e-6)


def test_padding_beside_others_would_give_the_same_to_a_tolerance(model: str) -> None:
    import torch

    loaded = encoder(model)
    loaded.tokenizer.pad_token = loaded.tokenizer.pad_token or "<|pad|>"
    read = loaded.tokenizer(TEXTS, truncation=True, max_length=38, padding=True, return_tensors="pt")
    with torch.no_grad():
        hidden = loaded.model(**read).last_hidden_state
    mask = read["attention_mask"][..., None]
    means = torch.nn.functional.normalize((hidden * mask).sum(1) / mask.sum(1), dim=1)
    assert np.allclose(encoded(model, TEXTS), means.numpy(), atol=1e-5)


def test_batches_change_no_bit(model: str) -> None:
    texts = pa.array([*TEXTS, *TEXTS], pa.large_string())
    together = Embedding(model).vectors(texts)
    alone = np.concatenate([Embedding(model).vectors(texts.slice(row, 1)) for row in range(len(texts))])
    assert together.dtype == np.int8
    assert together.tolist() == alone.tolist()
    assert np.allclose(levelled(encoded(model, TEXTS)), together[: len(TEXTS)])


def test_no_texts_have_no_vectors(model: str) -> None:
    assert Embedding(model).vectors(pa.array([], pa.large_string())).shape == (0, 24)


def test_it_finds_duplicates(model: str, batch_of: Callable[..., pa.Table]) -> None:
    semantic = Semantic(embedder=model)
    left, right = batch_of(text=[TEXTS[0], "Yes."]), batch_of(text=[TEXTS[0], "春天的时候水会涨"])
    shared = [
        set(a) & set(b) for a, b in zip(*(semantic.dedupe(batch=b).to_pylist() for b in (left, right)), strict=True)
    ]
    assert shared[0]
    one, other = (
        Embedding(model).vectors(pa.array(batch["text"].to_pylist(), pa.large_string())) for batch in (left, right)
    )
    alike = cosines(one, other)
    assert semantic.same(left=left, right=right).to_pylist() == [1.0, alike[1] if alike[1] >= 0.95 else None]


def test_a_folder_without_safetensors_is_refused(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "pytorch_model.bin").write_bytes(b"")
    with pytest.raises(UsageError, match="holds no safetensors weights"):
        encoded(str(tmp_path), ["a"])


def test_a_folder_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match="embedder '/nowhere': there is no model at '/nowhere'"):
        encoded("/nowhere", ["a"])
