"""Tokenizers: trained on the spot, loaded with a model, and asked for plain ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from finery import Model, UsageError
from finery_plugins.train.architecture import locate, reason

TEXT_ENDS = "<|endoftext|>"
PADDING = "<|pad|>"
TURN_STARTS = "<|im_start|>"
TURN_ENDS = "<|im_end|>"
SPECIAL = (TEXT_ENDS, PADDING, TURN_STARTS, TURN_ENDS)

# ChatML, the plainest of the templates in use.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def trained_tokenizer(texts: Iterable[str], vocabulary: int, context: int) -> Any:
    """A byte-level BPE tokenizer (Radford et al. 2019) of at most `vocabulary` tokens, fitted to `texts`.

    Every text opens with the end-of-text token, as its ids from `documents` do, so that the first token of a
    text is predicted too. Padding has a token of its own: were it the end-of-text token, a collator that
    masks padding would keep the model from ever learning to end. Equal texts give an equal tokenizer.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
    from transformers import PreTrainedTokenizerFast

    backend = Tokenizer(models.BPE())
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    opening = [(TEXT_ENDS, backend.token_to_id(TEXT_ENDS))]
    backend.post_processor = processors.TemplateProcessing(single=f"{TEXT_ENDS} $A", special_tokens=opening)
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=TEXT_ENDS,
        eos_token=TEXT_ENDS,
        pad_token=PADDING,
        additional_special_tokens=[TURN_STARTS, TURN_ENDS],
        model_max_length=context,
        clean_up_tokenization_spaces=False,
    )
    made.chat_template = CHAT_TEMPLATE
    return made


def loaded_tokenizer(model: Model, where: str) -> Any:
    """The tokenizer in a model's folder. Raises UsageError where there is none."""
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(locate(model, where), trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        fault = f"cannot load the tokenizer of model '{model.name}' ({model.path})"
        remedy = f"the folder needs tokenizer.json: {reason(error)}"
        raise UsageError.at(where, fault, remedy) from error


def kept_tokenizer(folder: Path) -> Any:
    """A tokenizer that `trained_tokenizer` made and that was saved in a folder."""
    from transformers import PreTrainedTokenizerFast

    return PreTrainedTokenizerFast.from_pretrained(folder)


def plain_ids(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, without any token put before or after it.

    What looks like a special token in a text stays text: a document that speaks of `<|im_end|>` ends no turn.
    """
    if not texts:
        return []
    backend = getattr(tokenizer, "backend_tokenizer", None)
    if backend is None:
        found: list[list[int]] = tokenizer(list(texts), add_special_tokens=False, split_special_tokens=True)[
            "input_ids"
        ]
        return found
    before, backend.encode_special_tokens = backend.encode_special_tokens, True
    try:
        return [made.ids for made in backend.encode_batch_fast(list(texts), add_special_tokens=False)]
    finally:
        backend.encode_special_tokens = before


def opening(tokenizer: Any) -> list[int]:
    """The token that a text opens with: the tokenizer's own, or its end-of-text token where it has none."""
    first = tokenizer.bos_token_id if tokenizer.bos_token_id is not None else tokenizer.eos_token_id
    return [] if first is None else [first]


def documents(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, between the token that opens a text and the one that ends it."""
    first = opening(tokenizer)
    last = [] if tokenizer.eos_token_id is None else [tokenizer.eos_token_id]
    return [first + ids + last if ids else [] for ids in plain_ids(tokenizer, texts)]
