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

Tongue = Literal["en", "zh"]
Word = Annotated[str, Field(min_length=1)]

ALWAYS = {
    "en": ("um+", "uhm+", "uh+", "erm+", "h+m+", "m+h+m+"),
    "zh": ("(?<!嗯)嗯++(?![哼哪呐])", "(?<![呃打])呃++(?!逆)"),
}
"""Hesitations, which mean nothing wherever they stand, as patterns. English: Clark and Fox Tree 2002, "Using uh
and um in spontaneous speaking"; Chinese: Zhao and Jurafsky 2005, "A preliminary study of Mandarin filled pauses"."""

APART = {
    "en": ("er+", "ah+", "eh", "you know", "I mean", "like", "sort of", "kind of"),
    "zh": ("(?<!啊)啊++", "额", "唔", "哎", "那个", "这个", "就是", "就是说", "怎么说呢", "然后呢", "对吧"),
}
"""Words with a meaning of their own, which are fillers where punctuation stands on both sides."""

PARTICLES = re.compile(r"(?<=[\u4e00-\u9fff])(?<![哎呼哗哇])[啊呀哦喔嘛啦]+(?=[，。！？、；：,.!?;…~～\s]|$)")
"""Particles at the ends of Chinese clauses that carry tone and no question."""

BREAK = r"(?:[ \t]{0,4}(?:[,，、…—–]|\.{2,6})){0,4}[ \t]{0,4}"
"""White space and the punctuation of a pause; bounded, so that no text takes quadratic time."""

OPENINGS = frozenset('\n.!?。！？；;:："“”‘「『(（[【')
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

    languages: Annotated[list[Tongue], Field(min_length=1)] = Field(default_factory=lambda: list[Tongue](("en", "zh")))
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
        always = patterns([word for name in languages for word in ALWAYS[name]], self.more)
        apart = patterns([word for name in languages for word in APART[name]], self.apart)
        stays = tuple(self.keep)
        finds = (run_pattern(always, stays), run_pattern(apart, stays))
        tone = self.particles and "zh" in languages
        before = texts.to_pylist()
        after = [text if text is None else unfilled(text, *finds, tone) for text in before]
        return texts if after == before else pa.array(after, pa.large_string())


def patterns(known: Sequence[str], more: Sequence[str]) -> tuple[str, ...]:
    """Words that a list has as patterns, and further ones of plain text."""
    return (*known, *map(re.escape, more))


def unfilled(text: str, always: re.Pattern[str], apart: re.Pattern[str], particles: bool) -> str:
    """A text without fillers; the text itself where nothing else would be left."""
    made = always.sub(closed, apart.sub(closed_apart, text))
    if particles:
        made = PARTICLES.sub("", made)
    return made if made == text or any(map(str.isalnum, made)) else text


@functools.cache
def run_pattern(words: tuple[str, ...], keep: tuple[str, ...]) -> re.Pattern[str]:
    """What finds a run of fillers with the pauses around it. Groups are atomic, so that nothing is tried twice."""
    stays = f"(?!{alternatives(tuple(map(re.escape, keep)))})" if keep else ""
    word = stays + alternatives(words)
    lead = rf"(?P<lead>(?:(?<![ \t])[ \t]{{1,4}})?(?:[{COMMAS}][ \t]{{0,4}})?)"
    # A question or a cry is said on purpose, and `uh-huh` or `um.net` is a word of its own.
    run = rf"(?>(?P<run>{word}(?:{BREAK}{word})*))(?![ \t]{{0,4}}[?!？！:：]|['’-]\w|\.\w)"
    return re.compile(rf"{lead}{run}(?>(?P<tail>{BREAK}))(?P<stop>(?:[.。][ \t]{{0,4}})?)(?P<next>\w?)")


def alternatives(words: Sequence[str]) -> str:
    """A group of words, the longest first; those of scripts with spaces whole, with or without a capital."""
    ordered = sorted(words, key=len, reverse=True)
    spaced = [either_case(word) for word in ordered if is_spaced(word)]
    alone = [word for word in ordered if not is_spaced(word)]
    # What every word asks of its surroundings is asked once, because most places of a text fail it.
    whole = rf"(?<![\w@/.'’-])(?<!\d[ ])(?:{'|'.join(spaced)})(?![\w@/])"
    found = [*([whole] if spaced else []), *alone]
    return f"(?:{'|'.join(found)})" if found else "(?!)"


def is_spaced(word: str) -> bool:
    """Whether a word's script is written with spaces."""
    return not UNSPACED.search(word) and bool(SPACED.search(word))


def either_case(word: str) -> str:
    """A pattern of a word that may begin with a capital."""
    first = next((at for at, letter in enumerate(word) if letter.isalpha()), 0)
    letter = word[first]
    both = f"[{letter.lower()}{letter.upper()}]" if letter.isascii() else letter
    return word[:first] + both + word[first + 1 :]


def closed_apart(found: re.Match[str]) -> str:
    """What takes the place of words that are fillers only between pauses: themselves where there are none."""
    paused = found["tail"].strip(SPACES) or found["stop"] or found.end("tail") == len(found.string)
    return closed(found) if paused and (opens(found) or found["lead"].strip(SPACES)) else found[0]


def closed(found: re.Match[str]) -> str:
    """What takes the place of a run of fillers and the pauses around it."""
    following = found["next"]
    if opens(found):
        raised = found["run"][0].isupper() and len(following.upper()) == 1
        return found["lead"] + (following.upper() if raised else following)
    return between(found) + following


def opens(found: re.Match[str]) -> bool:
    """Whether a run stands at the beginning of a clause."""
    before = found.string[max(0, found.start() - 4) : found.start()].rstrip(SPACES)
    return (not before or before[-1] in OPENINGS) and not found["lead"].strip(SPACES)


def between(found: re.Match[str]) -> str:
    """What stands between the words before and behind a run inside a clause: one pause at most."""
    lead, tail, stop = found["lead"], found["tail"], found["stop"]
    comma, pause = lead.strip(SPACES), tail.strip(SPACES)
    if stop or found.end("stop") == len(found.string):
        return stop
    if comma and not pause:
        return comma + (tail or lead.removeprefix(lead.rstrip(SPACES)))
    return next((space for space in lead + tail if space in SPACES), "")
