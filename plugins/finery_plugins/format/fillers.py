"""The format `fillers`: spoken text without its filler words."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from typing import Annotated, Literal

import pyarrow as pa
from pydantic import Field

from finery import Batch, hookimpl, plugin
from finery_plugins.text.content import column_of, one_chunk, rewritten, text_columns

Word = Annotated[str, Field(min_length=1)]

ALWAYS = {
    "en": ("um+", "uhm+", "uh+", "erm+", "h+m+", "m+h+m+"),
    "zh": ("嗯+(?![哼哪呐])", "(?<!打)呃+(?!逆)"),
}
"""Hesitations, which mean nothing wherever they stand, as patterns. English: Clark and Fox Tree 2002, "Using uh
and um in spontaneous speaking"; Chinese: Zhao and Jurafsky 2005, "A preliminary study of Mandarin filled pauses"."""

APART = {
    "en": ("er+", "ah+", "eh", "you know", "I mean", "like", "sort of", "kind of"),
    "zh": ("啊+", "额+", "唔+", "哎+", "那个", "这个", "就是", "就是说", "怎么说呢", "然后呢", "对吧"),
}
"""Words with a meaning of their own, which are fillers where punctuation stands on both sides."""

PARTICLES = re.compile(r"(?<=[\u4e00-\u9fff])(?<![哎呼哗哇])[啊呀哦喔嘛啦]+(?=[，。！？、；：,.!?;…~～\s]|$)")
"""Particles at the ends of Chinese clauses that carry tone and no question."""

BREAK = r"(?:[ \t]{0,4}(?:[,，、…—–]|\.{2,6})){0,4}[ \t]{0,4}"
"""White space and the punctuation of a pause; bounded, so that no text takes quadratic time."""

OPENINGS = frozenset("\n.!?。！？；;:：\"“”‘「『(（[【")
"""What stands before the beginning of a clause."""

COMMAS = ",，、"
SPACES = " \t"
SPACED = re.compile(r"[^\W\d_]")
UNSPACED = re.compile(r"[\u0e00-\u0fff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]")


@plugin
class Fillers:
    """Remove filler words such as "um" and "嗯" from what was said.

    A hesitation goes wherever it stands; words that mean something elsewhere ("like", "那个") go where a pause
    stands on both sides: `it was, like, huge`. A pause around a filler goes with it, and the next word takes over its
    capital. Words of scripts with spaces are matched whole, in lower case or with a capital, so `UM`, `uh-huh`
    and `5 um` stay. A text of nothing but fillers is an answer, and stays.

    ```toml
    [[stage]]
    format = "fillers"
    languages = ["zh"]
    more = ["对对对"]
    ```
    """

    languages: Annotated[list[Literal["en", "zh"]], Field(min_length=1)] = Field(default_factory=lambda: ["en", "zh"])
    """Whose lists are used. Name only what the data is in: "um" is a word of German and Portuguese."""

    by: str | None = None
    """The column that names each record's language (`language`, where the score of that name added it): only the
    list of that language is used, and records of other languages stay as they are."""

    more: list[Word] = Field(default_factory=list)
    """Further words that go wherever they stand, as plain text."""

    apart: list[Word] = Field(default_factory=list)
    """Further words that go where a pause stands on both sides, as plain text."""

    keep: list[Word] = Field(default_factory=list)
    """Words that stay although a list has them."""

    particles: bool = False
    """Also remove 啊, 呀, 哦, 嘛, 啦 at the ends of Chinese clauses (`好啊。`): they carry tone."""

    columns: list[Word] = Field(default_factory=list)
    """The columns to clean; by default those that hold the text of the record's shape."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records without fillers; a column in which nothing changes stays the same."""
        for name in self.columns or text_columns(batch):
            before = one_chunk(column_of(batch, name))
            after = self.spoken(before, batch)
            if after is not before:
                batch = batch.set_column(batch.column_names.index(name), batch.schema.field(name), after)
        return batch

    def spoken(self, column: pa.Array, batch: Batch) -> pa.Array:
        """A column without fillers, each record by its own language where a column names it."""
        if self.by is None:
            return rewritten(column, functools.partial(self.cleared, languages=self.languages))
        named = one_chunk(column_of(batch, self.by)).to_pylist()
        parts = [self.cleared_row(column.slice(row, 1), language) for row, language in enumerate(named)]
        changed = any(new is not old for new, old in parts)
        return pa.concat_arrays([new for new, _ in parts]) if changed else column

    def cleared_row(self, one: pa.Array, language: str | None) -> tuple[pa.Array, pa.Array]:
        """One record's value without fillers, and as it was."""
        known = [name for name in self.languages if name == language]
        return (rewritten(one, functools.partial(self.cleared, languages=known)) if known else one), one

    def cleared(self, texts: pa.Array, languages: Sequence[str]) -> pa.Array:
        """The texts without fillers, the same array where nothing changes."""
        find = pattern(tuple(languages), tuple(self.more), tuple(self.apart), tuple(self.keep))
        tone = self.particles and "zh" in languages
        before = texts.to_pylist()
        after = [text if text is None else unfilled(text, find, tone) for text in before]
        return texts if after == before else pa.array(after, pa.large_string())


def unfilled(text: str, find: re.Pattern[str], particles: bool) -> str:
    """A text without fillers; the text itself where nothing else would be left."""
    made = find.sub(closed, text)
    if particles:
        made = PARTICLES.sub("", made)
    return made if made == text or any(map(str.isalnum, made)) else text


@functools.cache
def pattern(languages: Sequence[str], more: Sequence[str], apart: Sequence[str], keep: Sequence[str]) -> re.Pattern[str]:
    """What finds a run of fillers with the pauses around it."""
    always = [word for name in languages for word in ALWAYS[name]] + list(map(re.escape, more))
    pauses = [word for name in languages for word in APART[name]] + list(map(re.escape, apart))
    stays = "|".join(whole(re.escape(word)) for word in sorted(keep, key=len, reverse=True)) or "(?!)"
    some = alternatives(always)
    every = alternatives([*always, *pauses])
    lead = rf"(?P<lead>(?:(?<![ \t])[ \t]{{1,4}})?(?:[{COMMAS}][ \t]{{0,4}})?)"
    tail = rf"(?P<tail>{BREAK})(?P<stop>[.。]?(?![\w.]))(?P<next>\w?)"
    run = rf"(?!{stays})(?:(?P<plain>{some}(?:{BREAK}{some})*)|(?P<apart>{every}(?:{BREAK}{every})*))"
    # A question or a cry is said on purpose, and `uh-huh` or `um.net` is a word of its own.
    return re.compile(rf"{lead}{run}(?![ \t]*[?!？！:：]|['’-]\w|\.\w|[^\W\d_]\b(?<=[a-zA-Z])){tail}")


def alternatives(words: Sequence[str]) -> str:
    """A group of whole words, the longest first."""
    found = "|".join(whole(word) for word in sorted(words, key=len, reverse=True))
    return f"(?:{found})" if found else "(?:(?!))"


def whole(word: str) -> str:
    """A pattern that matches a word whole, with or without a capital, where its script has spaces."""
    if UNSPACED.search(word) or not SPACED.search(word):
        return word
    first = next((at for at, letter in enumerate(word) if letter.isalpha()), 0)
    both = f"[{word[first].lower()}{word[first].upper()}]" if word[first].isascii() else word[first]
    return rf"(?<![\w@/.'’-])(?<!\d[ ]){word[:first]}{both}{word[first + 1 :]}(?![\w@/])"


def closed(found: re.Match[str]) -> str:
    """What takes the place of a run of fillers and the pauses around it."""
    lead, tail, stop, following = found["lead"], found["tail"], found["stop"], found["next"]
    before = found.string[: found.start()][-4:].rstrip(SPACES)
    opens = (not before or before[-1] in OPENINGS) and not lead.strip(SPACES)
    pauses = bool(tail.strip(SPACES) or stop) or found.end("tail") == len(found.string)
    if found["apart"] and not (pauses and (opens or lead.strip(SPACES))):
        return found[0]
    if opens:
        return lead + capital(found, following)
    return between(lead, tail, stop, following, found) + following


def capital(found: re.Match[str], following: str) -> str:
    """The letter that now opens the clause, with the capital that the filler had."""
    filler = (found["plain"] or found["apart"])[0]
    return following.upper() if filler.isupper() and len(following.upper()) == 1 else following


def between(lead: str, tail: str, stop: str, following: str, found: re.Match[str]) -> str:
    """What stands between the words before and behind a run inside a clause: one pause at most."""
    comma, pause = lead.strip(SPACES), tail.strip(SPACES)
    if stop or not following:
        return stop or ("" if comma or found.end() == len(found.string) or pause else lead)
    space = " " if lead.strip(COMMAS) or tail.endswith(tuple(SPACES)) else ""
    return comma + space if comma and not pause else space
