"""The options that generating plugins share: who writes, how it samples, and where answers are kept."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, model_validator
from pydantic.dataclasses import dataclass

from finery import ModelName, Running

SETTINGS = ConfigDict(extra="forbid", use_attribute_docstrings=True)
Rate = Annotated[float, Field(ge=0, le=0.5)]
Name = Annotated[str, Field(min_length=1)]


@dataclass(frozen=True, kw_only=True, config=SETTINGS)
class Server:
    """A server that speaks OpenAI's chat completions, such as vLLM, llama.cpp, Ollama or a company's own."""

    url: Annotated[str, Field(pattern=r"^https?://[^\s/@?#]+(/[^\s@?#]*)?$")]
    """Its base, such as `http://localhost:8000/v1`; `/v1` is added where no path is given."""
    model: Name
    """The model, as the server calls it."""
    key: Annotated[Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9_]*$")] | None, Running] = None
    """The environment variable that holds the API key; the key itself stands in no file."""
    concurrency: Annotated[int, Field(ge=1, le=256), Running] = 8
    """Requests under way at once, for each worker of the run."""
    requests_per_minute: Annotated[Annotated[float, Field(gt=0)] | None, Running] = None
    """Most requests a minute, of all workers on one machine together, evenly spaced."""
    timeout_seconds: Annotated[float, Field(gt=0, le=3600), Running] = 120
    """How long one request may take until its last byte."""
    retries: Annotated[int, Field(ge=0, le=20), Running] = 6
    """How often a request is sent again after a refusal, a fault of the server or an answer that is none."""
    backoff_seconds: Annotated[float, Field(ge=0, le=60), Running] = 1
    """The pause before the first retry; each later one is twice as long, a minute at most, and up to half longer or
    shorter by a hash. `Retry-After` goes before it."""
    longest_wait_seconds: Annotated[float, Field(ge=0, le=86_400), Running] = 300
    """A server that asks by `Retry-After` for a longer pause stops the run."""
    price_in: Annotated[float, Field(ge=0)] = 0
    """The price of a million tokens of prompt."""
    price_out: Annotated[float, Field(ge=0)] = 0
    """The price of a million tokens of answer."""
    max_cost: Annotated[Annotated[float, Field(gt=0)] | None, Running] = None
    """What the stage may spend, in the currency of the prices; requests under way are finished. The environment
    variable `FINERY_MAX_COST` goes before it: raised there, an interrupted stage goes on where it stopped."""
    max_tokens_total: Annotated[Annotated[int, Field(gt=0)] | None, Running] = None
    """Tokens of prompts and answers that the stage may use; `FINERY_MAX_TOKENS` goes before it."""
    max_response_bytes: Annotated[int, Field(ge=1024, le=1 << 30), Running] = 8 << 20
    """A longer response is refused."""
    limit_field: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    """What the server calls the limit of an answer's tokens."""
    send_seed: bool = True
    """Whether requests carry `seed`; some servers refuse it."""
    extra: dict[str, Any] = Field(default_factory=dict)
    """More fields of the request, such as `{ response_format = { type = "json_object" } }`."""

    @model_validator(mode="after")
    def a_cap_knows_prices(self) -> Server:
        """Raise ValueError for a cap without prices, or a field that the request has already."""
        if self.max_cost is not None and not (self.price_in or self.price_out):
            raise ValueError("max_cost needs prices: give price_in and price_out, per million tokens")
        taken = {"model", "messages", "seed", "stream", "n", self.limit_field} & set(self.extra)
        if taken:
            raise ValueError(f"extra may not set {', '.join(sorted(taken))}")
        return self


@dataclass(frozen=True, kw_only=True, config=SETTINGS)
class Sampling:
    """How a model writes."""

    max_tokens: Annotated[int, Field(ge=1, le=131_072)] = 1024
    """Most tokens of an answer."""
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    """0 takes the likeliest token; where not given, what suits the plugin."""
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    """Draw from the likeliest tokens that together have this probability (Holtzman et al. 2019)."""


ServerOption = Annotated[
    Server | None,
    Field(description="A server to ask, as a table: `url` and `model`, the rest has defaults. Or name `local`."),
]
LocalOption = Annotated[
    ModelName | None,
    Field(
        description="A model to ask instead, run here by transformers: an earlier train stage's id, a folder, or a hub "
        "name; safetensors only."
    ),
]
SamplingOption = Annotated[
    Sampling, Field(description="`{ max_tokens, temperature, top_p }` of the answers; a seed follows from each record.")
]
AnswersOption = Annotated[
    str | None,
    Field(
        description="A folder (absolute, or from `~`) in which answers are kept for other stages and pipelines as "
        "well, so that a changed option pays for no request again. By default they are kept with the stage.",
        pattern=r"^(/|~|[A-Za-z]:[\\/])",
    ),
]


def one_writer(plugin: Any, needed: bool = True) -> Any:
    """`plugin`, if one of its `server` and `local` is given. Raises ValueError otherwise."""
    given = [name for name in ("server", "local") if getattr(plugin, name) is not None]
    if len(given) > 1:
        raise ValueError("server and local exclude each other: give one of them")
    if needed and not given:
        raise ValueError('nobody writes: give server = { url = "...", model = "..." } or local = "folder"')
    return plugin
