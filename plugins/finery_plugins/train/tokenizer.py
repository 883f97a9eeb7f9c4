"""Tokenizers: trained on the spot, loaded with a model, and asked for plain ids."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from finery import Model, UsageError, said_by
from finery_plugins.train.architecture import locate
from finery_plugins.train.vocabulary import Kind, fitted

TEXT_ENDS = "<|endoftext|>"
PADDING = "<|pad|>"
TURN_STARTS = "<|im_start|>"
TURN_ENDS = "<|im_end|>"
MASK = "<|mask|>"
SPECIAL = (TEXT_ENDS, PADDING, TURN_STARTS, TURN_ENDS)

# ChatML, the plainest of the templates in use.
CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n' }}"
    "{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def trained_tokenizer(
    texts: Iterable[str], vocabulary: int, context: int, kind: Kind = "bpe", masks: bool = False
) -> Any:
    """A tokenizer of at most `vocabulary` tokens, fitted to `texts`, of one of the kinds in `vocabulary.py`.

    Every text opens with the end-of-text token, as its ids from `documents` do, so that the first token of a
    text is predicted too; for a model that fills in masks it ends with one as well, and there is a token to mask
    with. Padding has a token of its own: were it the end-of-text token, a collator that masks padding would keep the
    model from ever learning to end. Equal texts give an equal tokenizer.
    """
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    special = (*SPECIAL, MASK) if masks else SPECIAL
    backend = fitted(texts, vocabulary, kind, special)
    ends = [(TEXT_ENDS, backend.token_to_id(TEXT_ENDS))]
    template = f"{TEXT_ENDS} $A {TEXT_ENDS}" if masks else f"{TEXT_ENDS} $A"
    backend.post_processor = processors.TemplateProcessing(single=template, special_tokens=ends)
    more = {"mask_token": MASK, "cls_token": TEXT_ENDS, "sep_token": TEXT_ENDS} if masks else {}
    made = PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=TEXT_ENDS,
        eos_token=TEXT_ENDS,
        pad_token=PADDING,
        additional_special_tokens=[TURN_STARTS, TURN_ENDS],
        model_max_length=context,
        clean_up_tokenization_spaces=False,
        **more,
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
        remedy = f"the folder needs tokenizer.json: {said_by(error)}"
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
    return first_known(tokenizer.bos_token_id, tokenizer.cls_token_id, tokenizer.eos_token_id)


def ending(tokenizer: Any) -> list[int]:
    """The token that a text ends with, where there is one."""
    return first_known(tokenizer.eos_token_id, tokenizer.sep_token_id)


def first_known(*ids: int | None) -> list[int]:
    """The first of some ids that there is; nothing where there is none."""
    return next(([token] for token in ids if token is not None), [])


def documents(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """The ids of each text, between the token that opens a text and the one that ends it."""
    first, last = opening(tokenizer), ending(tokenizer)
    return [first + ids + last if ids else [] for ids in plain_ids(tokenizer, texts)]
