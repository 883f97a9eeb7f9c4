"""A model in a folder that completes chats: loaded once a process, one prompt at a time.

A prompt in a batch with others is padded and multiplied in other blocks, and its sums of floats differ in the last
bits: alone, an answer depends on its own prompt and seed only.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from typing import Any

from finery import Model, UsageError, missing_extra
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.options import Sampling
from finery_plugins.train.architecture import fingerprint, loaded_model, locate, longest
from finery_plugins.train.conversation import rendered, templated
from finery_plugins.train.tokenizer import loaded_tokenizer

PLACE = "local"


@dataclass(frozen=True)
class Loaded:
    """A model and its tokenizer, used by one thread at a time."""

    model: Any
    tokenizer: Any
    content: str
    """What the model is: a digest of its folder, or its hub name and revision."""
    lock: Lock = field(default_factory=Lock)


@dataclass(frozen=True)
class LocalWriter:
    """Completes chats with a model that runs here."""

    path: str
    sampling: Sampling
    stopping: Event = field(default_factory=Event)
    threads: int = 1

    @property
    def name(self) -> str:
        """What records say that generated them: the folder's name, a stage's artifact, or the hub name."""
        place = Path(self.path)
        if not place.is_dir():
            return self.path
        return place.parent.name if place.name == "out" else place.name

    def request(self, messages: Sequence[Mapping[str, str]], seed: int) -> dict[str, Any]:
        """What is asked. Raises UsageError for a model that cannot be loaded or has no chat template."""
        sampling = self.sampling
        body = {"messages": list(messages), "max_tokens": sampling.max_tokens, "top_p": sampling.top_p}
        temperature = sampling.temperature or 0.0
        drawn = {"seed": seed} if temperature else {}
        return {"model": loaded(self.path).content, "body": body | {"temperature": temperature} | drawn}

    def answer(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The answer to a request. Raises Unanswered for a prompt that does not fit or an empty answer."""
        found, body = loaded(self.path), request["body"]
        with found.lock:
            asked, told = self.tokens(found, body["messages"], body.get("seed"))
        text = found.tokenizer.decode(told, skip_special_tokens=True)
        if not text.strip():
            raise Unanswered("the answer is empty")
        finish = "length" if len(told) == self.sampling.max_tokens else "stop"
        usage = {"prompt_tokens": asked, "completion_tokens": len(told)}
        return {"text": text, "finish": finish, "usage": usage, "cost": 0.0, "answered_by": self.name}

    def tokens(self, found: Loaded, messages: Sequence[Mapping[str, str]], seed: int | None) -> tuple[int, list[int]]:
        """How many tokens the prompt has, and the tokens of the answer."""
        import torch

        text = rendered(found.tokenizer, messages, asks=True)
        made = found.tokenizer(text, add_special_tokens=False, return_tensors="pt")
        ids = made["input_ids"].to(found.model.device)
        asked, room = ids.shape[1], longest(found.model)
        if room is not None and asked + self.sampling.max_tokens > room:
            said = f"a prompt of {asked} tokens and max_tokens = {self.sampling.max_tokens}"
            raise Unanswered(f"{said} do not fit into the model's {room}")
        with torch.no_grad():
            done = found.model.generate(
                ids,
                attention_mask=torch.ones_like(ids),
                generation_config=settings(found, self.sampling.max_tokens),
                logits_processor=warpers(self.sampling, seed),
            )
        return asked, done[0, asked:].tolist()


def settings(found: Loaded, most: int) -> Any:
    """How to generate: the likeliest token of what the warpers leave, stopping where the model's own settings say."""
    from transformers import GenerationConfig

    own = found.model.generation_config
    ends = own.eos_token_id if own.eos_token_id is not None else found.tokenizer.eos_token_id
    padding = found.tokenizer.pad_token_id
    first = ends[0] if isinstance(ends, list) else ends
    return GenerationConfig(
        max_new_tokens=most, do_sample=False, eos_token_id=ends, pad_token_id=first if padding is None else padding
    )


def warpers(sampling: Sampling, seed: int | None) -> Any:
    """What is done to the logits so that the likeliest token afterwards is one drawn with a seed; nothing at 0.

    The largest of logits plus Gumbel noise is a draw from their softmax (Gumbel 1954): no global generator is used.
    """
    from transformers import LogitsProcessorList, TemperatureLogitsWarper, TopPLogitsWarper

    if not sampling.temperature or seed is None:
        return LogitsProcessorList()
    narrowed = [] if sampling.top_p is None else [TopPLogitsWarper(sampling.top_p)]
    return LogitsProcessorList([TemperatureLogitsWarper(sampling.temperature), *narrowed, gumbel(seed)])


def gumbel(seed: int) -> Any:
    """A processor that adds Gumbel noise, drawn on the CPU so that every device has the same."""
    import torch
    from transformers import LogitsProcessor

    generator = torch.Generator().manual_seed(seed)

    class Gumbel(LogitsProcessor):  # type: ignore[misc]
        """Adds noise of its own stream."""

        def __call__(self, input_ids: Any, scores: Any) -> Any:
            """The scores with noise."""
            drawn = torch.empty(scores.shape, dtype=torch.float32).exponential_(generator=generator).clamp_min(1e-30)
            return scores.float() - drawn.log().to(scores.device)

    return Gumbel()


def loaded(path: str) -> Loaded:
    """The model at a path, loaded at its first use. Raises MissingExtra, or UsageError where it cannot be."""
    with loading():
        return load(path)


@functools.cache
def loading() -> Lock:
    """Held while a model is loaded: two threads must not load it twice."""
    return Lock()


@functools.lru_cache(maxsize=2)
def load(path: str) -> Loaded:
    """A model and its tokenizer, on the accelerator where there is one."""
    try:
        import torch
        import transformers  # noqa: F401
    except ImportError as error:
        raise missing_extra(PLACE, str(error.name), "train") from error
    said = Model(Path(path), path, "")
    place = locate(said, PLACE)
    tokenizer = loaded_tokenizer(said, PLACE)
    templated(tokenizer, PLACE)
    model = loaded_model(said, PLACE).eval()
    if getattr(model.config, "is_encoder_decoder", False):
        raise UsageError.at(PLACE, f"'{path}' is no causal language model", "take one that continues text")
    revision = getattr(model.config, "_commit_hash", None)
    content = fingerprint(Path(place)) if Path(place).is_dir() else f"{path}@{revision}"
    return Loaded(model.to("cuda" if torch.cuda.is_available() else "cpu"), tokenizer, content)
