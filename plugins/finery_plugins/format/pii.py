"""The format `pii`: text without personal data and secrets."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Annotated, Literal

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field, model_validator

from finery import Batch, HubFile, Needs, Stage, Tally, hookimpl, plugin
from finery_plugins.text.content import column_of, one_chunk, rewritten, text_columns
from finery_plugins.text.private import Country, Search, Span, search
from finery_plugins.text.private_patterns import Kind

DIGITS = 10
"""Hex digits of a pseudonym: among a million different values, two share one with probability 0.37."""


@plugin(needs=Needs(extra="text"))
class PiiFormat:
    """Put a placeholder such as `<EMAIL>` in the place of each piece of personal data.

    - `secret`: keys by the prefixes that their issuers publish (AWS, GitHub, GitLab, Google, Slack, Stripe, OpenAI,
      Hugging Face and others), JSON Web Tokens, private keys, passwords in addresses, and quoted values assigned to a
      name such as `api_key`.
    - `email`; `ip` (v4 and v6); `mac`; `iban` with its check digits; `card` with a network's prefix and Luhn's digit.
    - `id`: national numbers of 17 countries with their check digits or dates. A bare run of digits is one only where
      the rule is strong: US, Indian, Korean and Canadian numbers need their separators.
    - `phone`: `+` and a country code, or as written in North America, China and much of Europe; other bare numbers
      need a word such as "call" or "电话" before them.
    - `name`: people, where a model is named in `ner`.

    Where kinds overlap, the earlier of this list's order `secret, email, iban, card, id, mac, ip, phone, name` has the
    place. The tally counts what was replaced, by kind.

    ```toml
    [[stage]]
    format = "pii"
    replace = "pseudonym"
    ids = ["CN", "US"]
    ```
    """

    replace: Literal["placeholder", "pseudonym", "remove"] = "placeholder"
    """`placeholder` is `<EMAIL>`; `pseudonym` is `<EMAIL-1f0c3a9b52>`, the same for the same value all over the run,
    by a hash keyed with the stage's seed: who knows the pipeline and guesses a value can confirm it."""

    kinds: Annotated[list[Kind], Field(min_length=1)] | None = None
    """What goes: `secret`, `email`, `iban`, `card`, `id`, `mac`, `ip`, `phone`, `name`; by default all, names where
    a model is given."""

    ids: list[Country] | None = None
    """Countries whose national numbers go, by ISO 3166 code; by default all that are known."""

    ner: HubFile | None = None
    """A folder or hub name of a token classification model that finds names; needs the extra `train`."""

    columns: list[str] = Field(default_factory=list)
    """The columns to redact; by default those that hold the text of the record's shape."""

    @model_validator(mode="after")
    def names_have_a_model(self) -> PiiFormat:
        """Raise ValueError where names are asked for and no model is given."""
        search(self.kinds, self.ids, self.ner)
        return self

    @property
    def search(self) -> Search:
        """What to look for."""
        return search(self.kinds, self.ids, self.ner)

    @hookimpl
    def format(self, batch: Batch, stage: Stage, tally: Tally) -> Batch:
        """The same records, redacted; a column in which nothing is found stays the same."""
        looked = self.search

        def redacted(texts: pa.Array) -> pa.Array:
            found = looked.spans(texts)
            for spans in found.values():
                tally.update(span.kind for span in spans)
            return self.without(texts, found, stage.seed)

        for name in self.columns or text_columns(batch):
            before = one_chunk(column_of(batch, name))
            after = rewritten(before, redacted)
            if after is not before:
                batch = batch.set_column(batch.column_names.index(name), batch.schema.field(name), after)
        return batch

    def without(self, texts: pa.Array, found: dict[int, list[Span]], seed: int) -> pa.Array:
        """The texts with something else in the place of what was found; the same array where nothing was."""
        if not found:
            return texts
        rows = pa.array(list(found), pa.int64())
        before = texts.take(rows).to_pylist()
        after = [self.told(text.encode(), found[row], seed) for row, text in zip(found, before, strict=True)]
        changed = pc.is_in(pa.array(range(len(texts)), pa.int64()), value_set=rows)
        return pc.replace_with_mask(texts, changed, pa.array(after, pa.large_string()))

    def told(self, text: bytes, spans: Sequence[Span], seed: int) -> str:
        """One text, redacted."""
        parts, at = [], 0
        for start, end, kind in spans:
            parts += [text[at:start], self.stand_in(kind, text[start:end], seed)]
            at = end
        return b"".join([*parts, text[at:]]).decode(errors="replace")

    def stand_in(self, kind: Kind, value: bytes, seed: int) -> bytes:
        """What takes the place of a value. Spaces, hyphens and case do not make another value of it."""
        if self.replace == "remove":
            return b""
        if self.replace == "placeholder":
            return b"<%b>" % kind.upper().encode()
        plain = value if kind == "secret" else bytes(c for c in value.lower() if c not in b" ()-/")
        digest = hashlib.blake2b(kind.encode() + b"\0" + plain, key=seed.to_bytes(8, "little")).hexdigest()
        return b"<%b-%b>" % (kind.upper().encode(), digest[:DIGITS].encode())
