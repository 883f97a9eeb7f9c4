"""A model that answers: loaded from a folder or a hub, asked with its own template, heard a token at a time."""

from __future__ import annotations

import logging
import os
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from finery.errors import MissingExtra, UsageError, missing_extra, said_by

PLACE = "finery chat"

Message = Mapping[str, str]
Heard = Callable[[str], None]
"""Told the whole answer so far, each time there is more of it."""

UNFINISHED = "\ufffd"
"""What stands at the end of a text whose last character is not whole yet."""


@dataclass(frozen=True)
class Drawing:
    """How answers are drawn."""

    max_tokens: int = 512
    temperature: float = 0.7
    """0 takes the likeliest token each time."""
    seed: int = 0


@dataclass(frozen=True)
class Answer:
    """What a model said."""

    text: str
    tokens: int
    seconds: float
    finish: str
    """`stop` where it ended of itself, `length` where it had no more room, `interrupted`."""

    @property
    def speed(self) -> float:
        """Tokens a second, the prompt's reading included."""
        return self.tokens / self.seconds if self.seconds else 0.0


@dataclass(frozen=True)
class Speaker:
    """A loaded model."""

    name: str
    network: Any
    tokenizer: Any
    is_raw: bool
    """Whether it continues text, because it has no chat template or is asked to."""

    def answer(self, messages: Sequence[Message], drawing: Drawing, turn: int, heard: Heard) -> Answer:
        """What it says to the last message; `turn` counts the answers, so that each draws anew.

        Ctrl-C ends the answer and keeps what was said. Raises UsageError where the prompt leaves no room.
        """
        import torch

        asked = self.spelled(messages).to(self.network.device)
        room = self.room(asked.shape[1], drawing.max_tokens)
        stream, began = listener(self.tokenizer, heard), time.monotonic()
        finish = ""
        torch.manual_seed(drawing.seed + turn)
        try:
            with torch.no_grad(), warnings.catch_warnings():
                warnings.simplefilter("ignore")  # of generation settings that the model was saved with
                self.network.generate(
                    input_ids=asked,
                    attention_mask=torch.ones_like(asked),
                    streamer=stream,
                    max_new_tokens=room,
                    pad_token_id=self.padding,
                    **drawn(drawing),
                )
        except KeyboardInterrupt:
            finish = "interrupted"
        seconds = time.monotonic() - began
        finish = finish or ("stop" if stream.ids and stream.ids[-1] in self.stops else "length")
        return Answer(stream.text(whole=True), len(stream.ids), seconds, finish)

    def spelled(self, messages: Sequence[Message]) -> Any:
        """The tokens (1, n) of a prompt: rendered by the template, or the last text as it stands.

        Raises UsageError where the template refuses, or nothing is there to begin with.
        """
        from jinja2 import TemplateError

        if self.is_raw:
            ids = self.tokenizer(messages[-1]["content"], return_tensors="pt")["input_ids"]
        else:
            try:
                text = self.tokenizer.apply_chat_template(list(messages), tokenize=False, add_generation_prompt=True)
            except (TemplateError, TypeError, KeyError) as error:
                remedy = "leave --system out, or take --raw" if messages[0]["role"] == "system" else "take --raw"
                raise UsageError.at(PLACE, f"the template of '{self.name}' refuses it: {error}", remedy) from None
            ids = self.tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        if not ids.shape[1]:
            raise UsageError.at(PLACE, "there is nothing to begin with", "write something")
        return ids.long()

    def room(self, asked: int, wanted: int) -> int:
        """How many tokens an answer may have. Raises UsageError where the model knows no more positions."""
        known = getattr(self.network.config.get_text_config(), "max_position_embeddings", None)
        if not isinstance(known, int) or known <= 0:
            return wanted
        prefix = sum(
            getattr(said, "num_virtual_tokens", 0) for said in getattr(self.network, "peft_config", {}).values()
        )
        left = known - prefix - asked
        if left < 1:
            fault = f"{asked} tokens were said, and '{self.name}' knows {known - prefix}"
            raise UsageError.at(PLACE, fault, "say less, or begin anew with /new")
        return min(left, wanted)

    @property
    def stops(self) -> set[int]:
        """The tokens that end an answer."""
        own = self.network.generation_config.eos_token_id
        known = own if isinstance(own, list) else [own]
        return {token for token in known if token is not None}

    @property
    def padding(self) -> int | None:
        """A token to pad with, which generation asks for and never uses here."""
        own: int | None = self.tokenizer.pad_token_id
        return own if own is not None else min(self.stops, default=None)


def drawn(drawing: Drawing) -> dict[str, Any]:
    """What generation is told of chance: drawn from all tokens, whatever settings the model was saved with."""
    if not drawing.temperature:
        return {"do_sample": False, "temperature": None, "top_p": None, "top_k": None}
    return {"do_sample": True, "temperature": drawing.temperature, "top_p": 1.0, "top_k": 0}


def listener(tokenizer: Any, heard: Heard) -> Any:
    """What hears the tokens as they come."""
    from transformers.generation.streamers import BaseStreamer

    class Listener(BaseStreamer):  # type: ignore[misc]
        """Keeps the answer's tokens, and tells its text."""

        def __init__(self) -> None:
            self.ids: list[int] = []
            self.is_prompt = True

        def put(self, value: Any) -> None:
            """More tokens; the prompt comes first."""
            if not self.is_prompt:
                self.ids += value.flatten().tolist()
                heard(self.text())
            self.is_prompt = False

        def text(self, whole: bool = False) -> str:
            """The answer so far; a character that is not whole yet is left out unless no more comes."""
            said = str(tokenizer.decode(self.ids, skip_special_tokens=True))
            return said if whole else said.rstrip(UNFINISHED)

        def end(self) -> None:
            """No more comes."""

    return Listener()


def load(name: str, place: str, is_raw: bool) -> Speaker:
    """The model at a place, ready to answer.

    Raises MissingExtra, and UsageError for one that cannot be loaded, is pickled, or does not continue text.
    """
    quieten()
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    try:
        config = AutoConfig.from_pretrained(place, trust_remote_code=False)
        check(config, name)
        tokenizer = AutoTokenizer.from_pretrained(place, trust_remote_code=False)
        network = AutoModelForCausalLM.from_pretrained(
            place, dtype=dtype(), use_safetensors=True, trust_remote_code=False
        )
        network = prefixed(network, Path(place) / "prefix")
    except ImportError as error:
        raise MissingExtra.at(f"model '{name}'", said_by(error), "pip install 'finery[all]'") from error
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise UsageError.at(f"model '{name}'", f"cannot be loaded from '{place}'", said_by(error)) from error
    return Speaker(name, placed(network.eval()), tokenizer, is_raw or not tokenizer.chat_template)


def quieten() -> None:
    """Import what answers, and keep it from telling of itself. Raises MissingExtra."""
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    for chatty in ("torchao", "torch.utils._pytree", "bitsandbytes"):
        logging.getLogger(chatty).setLevel(logging.ERROR)
    try:
        import torch  # noqa: F401
        from transformers.utils import logging as messages
    except ImportError as error:
        raise missing_extra(PLACE, str(error.name), "train") from error
    messages.disable_progress_bar()
    messages.set_verbosity_error()


def check(config: Any, name: str) -> None:
    """Raise UsageError for a model that does not continue text."""
    said = next(iter(config.architectures or ()), "none")
    if not said.endswith(("CausalLM", "LMHeadModel", "ConditionalGeneration")) or config.is_encoder_decoder:
        fault = f"does not continue text: its architecture is {said}"
        raise UsageError.at(f"model '{name}'", fault, "name a causal language model")


def dtype() -> Any:
    """What to compute in: as stored on an accelerator, in 32 bits on CPUs, which are slow at 16."""
    import torch

    return "auto" if torch.cuda.is_available() else torch.float32


def prefixed(network: Any, folder: Path) -> Any:
    """The network with the learnt prefix that lies beside it, where there is one."""
    if not (folder / "adapter_config.json").is_file():
        return network
    from peft import PeftModel

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # PEFT 0.21 asks transformers for a property by its old name
        return PeftModel.from_pretrained(network, folder)


def placed(network: Any) -> Any:
    """The network on the accelerator, where there is one; one that is quantised is there already."""
    import torch

    is_movable = getattr(network.config, "quantization_config", None) is None
    return network.to("cuda") if is_movable and torch.cuda.is_available() else network
