"""The model that is asked: one in a folder, alone or in fixed groups, or one on a server.

Alone, an answer depends on its prompt only. In a group, prompts are padded to one length and multiplied in other
blocks, so the last bits of sums may differ and with them, now and then, a token: the group is therefore part of what is
asked, groups follow from the order of the items alone, and a group that was interrupted is asked again whole. An empty
answer is an answer.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event
from typing import Any, Literal

from finery import Model, UsageError
from finery_plugins.evaluate.items import fingerprint_of
from finery_plugins.generate.chats import Chats
from finery_plugins.generate.errors import Unanswered
from finery_plugins.generate.kept import Kept, prompt_id
from finery_plugins.generate.local import Loaded, settings, warpers
from finery_plugins.generate.options import Sampling, Server
from finery_plugins.generate.server import ServerWriter
from finery_plugins.train.architecture import loaded_model, longest
from finery_plugins.train.conversation import rendered, templated
from finery_plugins.train.site import demand, quieten
from finery_plugins.train.tokenizer import loaded_tokenizer, opening

Template = Literal["auto", "chat", "plain"]
EMPTY = "the answer is empty"
"""How a server's writer begins to say that nothing was answered."""


@dataclass(frozen=True)
class Said:
    """What a model answered to one item; None, and why, where it gave no answer."""

    text: str | None
    finish: str = "stop"
    cost: float = 0.0
    error: str = ""


@dataclass(frozen=True)
class LocalSubject:
    """Answers with a model that runs here."""

    model: Model
    sampling: Sampling
    template: Template
    where: str
    batch: int = 1
    stopping: Event = field(default_factory=Event)
    threads: int = 1

    @property
    def name(self) -> str:
        """The model's fingerprint."""
        return fingerprint_of(self.model)

    def request(self, messages: Sequence[Mapping[str, str]], seed: int) -> dict[str, Any]:
        """What is asked, as the model reads it. Raises UsageError for a model that cannot be loaded."""
        found, sampling = loaded(self.model, self.where), self.sampling
        body = {"prompt": written(found, messages, self.template, self.where), "max_tokens": sampling.max_tokens}
        if sampling.temperature:
            body |= {"temperature": sampling.temperature, "top_p": sampling.top_p, "seed": seed}
        return {"model": found.content, "body": body}

    def answer(self, request: Mapping[str, Any], name: str) -> dict[str, Any]:
        """The answer to one request. Raises Unanswered for a prompt that does not fit."""
        (told,) = self.answers([request])
        if isinstance(told, Unanswered):
            raise told
        return told

    def answers(self, requests: Sequence[Mapping[str, Any]]) -> list[dict[str, Any] | Unanswered]:
        """Answers to requests, side by side; one that does not fit is answered by what it raises."""
        found = loaded(self.model, self.where)
        ids = [self.tokens(found, str(request["body"]["prompt"])) for request in requests]
        room = longest(found.model)
        fits = [row for row, one in enumerate(ids) if room is None or len(one) + self.sampling.max_tokens <= room]
        made: list[dict[str, Any] | Unanswered] = [
            Unanswered(f"a prompt of {len(one)} tokens and max_tokens = {self.sampling.max_tokens} exceed {room}")
            for one in ids
        ]
        with found.lock:
            told = generated(found, [ids[row] for row in fits], self.sampling, requests[0]["body"].get("seed"))
        for row, tokens in zip(fits, told, strict=True):
            made[row] = self.entry(found, len(ids[row]), tokens)
        return made

    def tokens(self, found: Loaded, prompt: str) -> list[int]:
        """The tokens of a prompt; a plain one opens as texts do."""
        special = opening(found.tokenizer) if not chats(found, self.template) else []
        return [*special, *found.tokenizer(prompt, add_special_tokens=False, verbose=False)["input_ids"]]

    def entry(self, found: Loaded, asked: int, told: Sequence[int]) -> dict[str, Any]:
        """What is kept of an answer."""
        text = found.tokenizer.decode(told, skip_special_tokens=True)
        finish = "length" if len(told) >= self.sampling.max_tokens else "stop"
        usage = {"prompt_tokens": asked, "completion_tokens": len(told)}
        return {"text": text, "finish": finish, "usage": usage, "cost": 0.0, "answered_by": self.model.name}


def chats(found: Loaded, template: Template) -> bool:
    """Whether prompts are written by the chat template."""
    return template == "chat" or (template == "auto" and bool(found.tokenizer.chat_template))


def written(found: Loaded, messages: Sequence[Mapping[str, str]], template: Template, where: str) -> str:
    """A prompt as the model reads it: by its chat template, or plain, a blank line between messages."""
    if not chats(found, template):
        return "\n\n".join(message["content"] for message in messages) + "\n"
    templated(found.tokenizer, where)
    return rendered(found.tokenizer, messages, asks=True)


def generated(found: Loaded, prompts: Sequence[Sequence[int]], sampling: Sampling, seed: int | None) -> list[list[int]]:
    """The tokens that follow each prompt, up to where the model ends; shorter prompts are padded in front."""
    if not prompts:
        return []
    import torch

    made = settings(found, sampling.max_tokens)
    width = max(map(len, prompts))
    ids = torch.full((len(prompts), width), made.pad_token_id or 0, dtype=torch.long)
    mask = torch.zeros_like(ids)
    for row, prompt in enumerate(prompts):
        ids[row, width - len(prompt) :] = torch.tensor(prompt)
        mask[row, width - len(prompt) :] = 1
    device = found.model.device
    with torch.no_grad():
        done = found.model.generate(
            ids.to(device),
            attention_mask=mask.to(device),
            generation_config=made,
            logits_processor=warpers(sampling, seed),
        )
    ends = made.eos_token_id if isinstance(made.eos_token_id, list) else [made.eos_token_id]
    return [up_to(row, set(ends)) for row in done[:, width:].tolist()]


def up_to(tokens: Sequence[int], ends: set[int]) -> list[int]:
    """Tokens up to the first that ends a text, that one included; behind it is padding."""
    at = next((at for at, token in enumerate(tokens) if token in ends), len(tokens))
    return list(tokens[: at + 1])


def loaded(model: Model, where: str) -> Loaded:
    """A model and its tokenizer, loaded at first use; two stay in memory."""
    return load(str(model.path), model.name, model.fingerprint, where)


@functools.lru_cache(maxsize=2)
def load(path: str, name: str, fingerprint: str, where: str) -> Loaded:
    """A model and its tokenizer, on the accelerator where there is one. Raises MissingExtra or UsageError."""
    demand(where, "torch", "transformers", "tokenizers")
    import torch

    model = Model(Path(path), name, fingerprint)
    network = loaded_model(model, where).eval().requires_grad_(False)
    if getattr(network.config, "is_encoder_decoder", False):
        raise UsageError.at(where, f"'{name}' is no causal language model", "take one that continues text")
    on = network.to("cuda" if torch.cuda.is_available() else "cpu")
    return Loaded(on, loaded_tokenizer(model, where), fingerprint_of(model))


@dataclass(frozen=True)
class Subject:
    """A model that is asked, and what it answered so far."""

    chats: Chats
    model: str
    """What items call it."""

    def said(self, prompts: Sequence[Sequence[Mapping[str, str]]], seed: int) -> list[Said]:
        """The answer to each prompt, kept from before or asked now. Raises FineryError for the run's end."""
        writer = self.chats.writer
        if isinstance(writer, LocalSubject) and writer.batch > 1:
            groups = [prompts[at : at + writer.batch] for at in range(0, len(prompts), writer.batch)]
            return [one for group in groups for one in together(writer, self.chats.kept, group, seed)]
        return self.chats.each(len(prompts), lambda at: alone(self.chats, prompts[at], seed))


def alone(chats: Chats, prompt: Sequence[Mapping[str, str]], seed: int) -> Said:
    """The answer to one prompt."""
    messages = [dict(message) for message in prompt]
    own = int(prompt_id({"messages": messages, "seed": seed})[:8], 16) >> 1  # 31 bits, which every server takes
    try:
        reply = chats.ask(messages, own)
    except Unanswered as error:
        return Said("" if str(error).startswith(EMPTY) else None, error=str(error))
    return Said(reply.text, reply.finish, reply.cost)


def together(writer: LocalSubject, kept: Kept, group: Sequence[Sequence[Mapping[str, str]]], seed: int) -> list[Said]:
    """The answers to a group of prompts: all kept from before, or all asked now."""
    requests = [writer.request(prompt, seed) for prompt in group]
    whole = prompt_id({"group": requests})
    named = [prompt_id({**request, "group": whole, "place": at}) for at, request in enumerate(requests)]
    found = [kept.find(name) for name in named]
    if None in found:
        entries = [asdict(told) for told in writer.answers(requests)]
        pairs = zip(named, requests, entries, strict=True)
        found = [
            kept.keep(name, {"prompt_id": name, **request, "group": whole, **entry}) for name, request, entry in pairs
        ]
    return [
        Said(
            None if one["finish"] == "error" else str(one["text"]), str(one["finish"]), error=str(one.get("error", ""))
        )
        for one in found
        if one is not None
    ]


def asdict(told: dict[str, Any] | Unanswered) -> dict[str, Any]:
    """What is kept of one answer of a group."""
    if isinstance(told, Unanswered):
        return {"text": "", "finish": "error", "cost": 0.0, "error": str(told)}
    return told


@dataclass(frozen=True)
class Asking:
    """How models are asked: the same for every model that is compared."""

    sampling: Sampling
    template: Template
    batch: int
    answers: str | None
    out: Path
    where: str
    threads: int

    def local(self, model: Model) -> Subject:
        """A model in a folder or on a hub, ready to answer."""
        quieten(self.threads)
        writer = LocalSubject(model, self.sampling, self.template, self.where, self.batch)
        return Subject(Chats(writer, Kept(self.folder)), writer.name)

    def served(self, server: Server) -> Subject:
        """A model on a server."""
        self.out.mkdir(parents=True, exist_ok=True)
        writer = ServerWriter.of(server, self.sampling, self.out)
        return Subject(Chats(writer, Kept(self.folder)), f"{server.model}@{server.url}")

    @property
    def folder(self) -> Path:
        """Where answers are kept."""
        return self.out / "answers" if self.answers is None else Path(self.answers).expanduser()
