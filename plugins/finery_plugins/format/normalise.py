"""The format `normalise`: text as tokens, stems or lemmas, for models and searches that want it so."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Literal, TypeAlias

import pyarrow as pa
from pydantic import Field, model_validator

from finery import Batch, Needs, PipelineError, hookimpl, missing_extra, plugin
from finery_plugins.text.content import column_of, one_chunk, place, rewritten, text_columns

Reduce: TypeAlias = Callable[[str], str]

TOKEN = re.compile(
    r"[\u2e80-\u303f\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]"  # a Han or kana character is a token
    r"|\d+(?:[.,]\d+)*|\w+(?:['’]\w+)*|[^\w\s]"
)
"""Numbers with their points, words with apostrophes inside, single characters of Han and kana, punctuation."""

SNOWBALL = {
    "ar": "arabic", "ca": "catalan", "cs": "czech", "da": "danish", "de": "german", "el": "greek", "en": "english",
    "es": "spanish", "et": "estonian", "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi",
    "hu": "hungarian", "hy": "armenian", "id": "indonesian", "it": "italian", "lt": "lithuanian", "ne": "nepali",
    "nl": "dutch", "no": "norwegian", "nb": "norwegian", "pl": "polish", "pt": "portuguese", "ro": "romanian",
    "ru": "russian", "sr": "serbian", "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip
"""Snowball's stemmers by the language's code (snowballstemmer 3.1)."""


@plugin(needs=Needs(extra="text"))
class Normalise:
    """Rewrite text as its tokens, one space between them: as they are, stemmed, or as lemmas.

    Classifiers over words, keyword search and n-gram models want it; language models do not: give them text as people
    write it. `stem` cuts endings by Snowball's rules (Porter 1980, and his later stemmers for other languages); `lemma`
    looks words up in simplemma's tables (Barbaresi 2021), which keeps real words and knows irregular ones. Words of a
    language that has no stemmer or table stay as they are. Lines stay lines.

    ```toml
    [[stage]]
    format = "normalise"
    words = "lemma"
    language = "column"
    ```
    """

    words: Literal["keep", "stem", "lemma"] = "keep"
    """What becomes of a word: `keep` it, cut it to its `stem`, or put its `lemma`."""

    language: Annotated[str, Field(pattern="^([a-z]{2,3}|column)$")] = "en"
    """The code of the language (ISO 639), or `column`: each record's own, as `score = "language"` writes it."""

    lower: bool = True
    """Write everything in lower case; a lemma is looked up as it was written first."""

    punctuation: bool = True
    """Keep marks as tokens; otherwise they are left out."""

    columns: list[str] | None = None
    """The columns to rewrite; by default all text of a record, whatever its shape."""

    @model_validator(mode="after")
    def language_is_known(self) -> Normalise:
        """Raise ValueError for a language without a stemmer."""
        if self.words == "stem" and self.language != "column" and self.language not in SNOWBALL:
            raise ValueError(f"there is no stemmer for '{self.language}': there is one for {', '.join(SNOWBALL)}")
        return self

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records with their text as tokens. Raises PipelineError without the languages it is to go by."""
        languages = self.languages(batch)
        for name in self.columns or text_columns(batch):
            before = one_chunk(column_of(batch, name))
            parts = [self.column(before, rows, code) for code, rows in by_language(languages)]
            after = in_place(parts, [rows for _, rows in by_language(languages)], before)
            batch = batch.set_column(batch.column_names.index(name), batch.schema.field(name), after)
        return batch

    def languages(self, batch: Batch) -> list[str]:
        """The language of each record, empty where it is not known."""
        if self.language != "column":
            return [self.language] * len(batch)
        if "language" not in batch.column_names:
            remedy = 'put `score = "language"` before it, or name one language'
            raise PipelineError.at(place(batch), "has no column 'language'", remedy)
        return [code or "" for code in one_chunk(batch.column("language")).to_pylist()]

    def column(self, column: pa.Array, rows: Sequence[int], code: str) -> pa.Array:
        """Some rows of a column, all in one language, as tokens."""
        reduce = functools.cache(self.reduction(code))
        return rewritten(column.take(pa.array(rows, pa.int64())), functools.partial(self.texts, reduce=reduce))

    def reduction(self, code: str) -> Reduce:
        """What is made of a word of a language."""
        makers: dict[str, Callable[[str], Reduce]] = {"keep": keeper, "stem": stemmer, "lemma": lemmatiser}
        change = makers[self.words](code)
        return (lambda word: change(word).lower()) if self.lower else change

    def texts(self, texts: pa.Array, reduce: Reduce) -> pa.Array:
        """Texts as tokens, nulls as they are."""
        made = [text if text is None else self.text(text, reduce) for text in texts.to_pylist()]
        return pa.array(made, pa.large_string())

    def text(self, text: str, reduce: Reduce) -> str:
        """One text as tokens, line by line."""
        return "\n".join(" ".join(self.tokens(line, reduce)) for line in text.split("\n"))

    def tokens(self, line: str, reduce: Reduce) -> Iterator[str]:
        """The tokens of a line."""
        for token in TOKEN.findall(line):
            if token[0].isalnum() or token[0] == "_":
                yield reduce(token)
            elif self.punctuation:
                yield token


def by_language(languages: Sequence[str]) -> list[tuple[str, list[int]]]:
    """The rows of each language, in the order of their codes; one empty group where there are no rows."""
    found: dict[str, list[int]] = {}
    for row, code in enumerate(languages):
        found.setdefault(code, []).append(row)
    return sorted(found.items()) or [("", [])]


def in_place(parts: Sequence[pa.Array], rows: Sequence[Sequence[int]], before: pa.Array) -> pa.Array:
    """Rows that were taken apart, put together again."""
    if len(parts) == 1:
        return parts[0].cast(before.type)
    places = [row for own in rows for row in own]
    order = sorted(range(len(places)), key=places.__getitem__)
    return pa.concat_arrays([part.cast(before.type) for part in parts]).take(pa.array(order, pa.int64()))


def keeper(_: str) -> Reduce:
    """What leaves a word as it is, in any language."""
    return str


def stemmer(code: str) -> Reduce:
    """What cuts a word to its stem. Raises MissingExtra without snowballstemmer."""
    if code not in SNOWBALL:
        return keeper(code)
    try:
        from snowballstemmer import stemmer as snowball
    except ImportError:
        raise missing_extra("format 'normalise'", "snowballstemmer", "text") from None
    stem = snowball(SNOWBALL[code]).stemWord
    # Snowball's rules are for small letters.
    return lambda word: str(stem(word.lower()))


def lemmatiser(code: str) -> Reduce:
    """What puts a word's lemma. Raises MissingExtra without simplemma."""
    try:
        from simplemma import lemmatize
    except ImportError:
        raise missing_extra("format 'normalise'", "simplemma", "text") from None
    try:
        lemmatize("a", lang=code)
    except ValueError:
        return keeper(code)
    return functools.partial(lemmatize, lang=code)
