"""The format `clean`: mended encodings, one Unicode form, no control characters, tidy white space."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from importlib import metadata
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from finery import Batch, Needs, hookimpl, missing_extra, plugin
from finery_plugins.text import characters, traits
from finery_plugins.text.content import column_of, filled, one_chunk, rewritten, text_columns
from finery_plugins.text.measures import kernels, view
from finery_plugins.text.stored import source, stored_table

LINE_BREAKS = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
"""What ends a line elsewhere: other systems, page feeds, Unicode's separators."""

CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""Control characters but tab and line breaks; byte order marks and Unicode's deprecated format controls."""

BLANK_LINES = re.compile("\n{4,}")
"""More than two blank lines."""

Step = Callable[[str], str]
Form = Literal["NFC", "NFKC", "none"]


@plugin(needs=Needs(extra="text"), releases_gil=True)
class Clean:
    """Repair the text of records: encodings mixed up, control characters, Unicode forms, white space.

    It takes all text of a record whatever its shape, of dialogues what was said. A column in which nothing
    changes stays as it is. A text may become empty; the filter `length` drops such records.

    A kernel looks through all texts and tidies white space. What it finds other faults in, or characters that text
    in a wrong encoding has (accented letters among them), goes through Python's `unicodedata` and ftfy one by one.

    ```toml
    [[stage]]
    format = "clean"
    whitespace = false
    ```
    """

    repair: bool = True
    """Mend text that was read in the wrong encoding, such as `cafÃ©`, with ftfy. Quotes, ligatures, widths
    and HTML entities stay; text of ASCII, or that does not look mixed up, is not touched."""

    normal_form: Form = "NFC"
    """The Unicode normal form: NFC composes accents; NFKC also makes ligatures and full widths plain."""

    controls: bool = True
    """Remove control characters but tab and newline, and make every line break a newline."""

    whitespace: bool = True
    """Strip the ends of lines and blank lines at both ends; keep at most two blank lines in a row."""

    columns: list[str] = Field(default_factory=list)
    """The columns to clean; by default those that hold the text of the record's shape."""

    @hookimpl
    def format(self, batch: Batch) -> Batch:
        """The same records with their text cleaned."""
        for name in self.columns or text_columns(batch):
            before = one_chunk(column_of(batch, name))
            after = rewritten(before, self.cleaned)
            if after is not before:
                batch = batch.set_column(batch.column_names.index(name), batch.schema.field(name), after)
        return batch

    def cleaned(self, texts: pa.Array) -> pa.Array:
        """The texts cleaned, the same array where nothing changes."""
        from finery_plugins.text.tidy import UNTIDY

        found = self.faults(texts)
        if not found.any():
            return texts
        after = with_mended(texts, found == UNTIDY, tidied)
        return with_mended(after, (found != 0) & (found != UNTIDY), self.mended)

    def faults(self, texts: pa.Array) -> np.ndarray:
        """`uint16` (n,): the bits of `tidy.py` for what each text may need, of what is asked for."""
        kernels()
        from finery_plugins.text import tidy

        asked = (
            tidy.SUSPECT * self.repair
            | tidy.CONTROL * self.controls
            | tidy.LOOSE * (self.normal_form != "none")
            | tidy.UNTIDY * self.whitespace
        )
        seen, found = view(filled(texts)), np.zeros(len(texts), np.uint16)
        tidy.faults(seen.offsets, seen.data, signs(self.repair, self.normal_form), found)
        return found & np.uint16(asked)

    def mended(self, texts: pa.Array) -> pa.Array:
        """The texts after every step."""
        steps = self.steps()
        return pa.array([functools.reduce(apply, steps, text) for text in texts.to_pylist()], pa.large_string())

    def steps(self) -> list[Step]:
        """What is done to a text; controls are traces of mixed-up encodings, so mending comes first."""
        asked: list[tuple[bool, Step]] = [
            (self.repair, mended),
            (self.controls, uncontrolled),
            (self.normal_form != "none", functools.partial(normal, form=self.normal_form)),
            (self.whitespace, tidy),
        ]
        return [step for wanted, step in asked if wanted]


def with_mended(texts: pa.Array, chosen: np.ndarray, change: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """The texts with those `chosen` (n,) changed; the same array where that changes nothing."""
    if not chosen.any():
        return texts
    before = texts.filter(pa.array(chosen))
    after = change(before)
    return texts if after.equals(before) else pc.replace_with_mask(texts, pa.array(chosen), after)


def tidied(texts: pa.Array) -> pa.Array:
    """The texts after `tidy`, by a kernel."""
    kernels()
    from finery_plugins.text import tidy

    seen = view(texts)
    ends, out = np.zeros(len(texts) + 1, np.int64), np.empty(int(seen.offsets[-1] - seen.offsets[0]), np.uint8)
    tidy.tidied(seen.offsets, seen.data, signs(False, "none"), ends[1:], out)
    return pa.LargeStringArray.from_buffers(len(texts), pa.py_buffer(ends), pa.py_buffer(out[: ends[-1]]))


@functools.cache
def signs(repair: bool, form: Form) -> np.ndarray:
    """`uint16` (0x110000,), read-only: the bits of `tidy.py` for each code point."""
    version = metadata.version("ftfy") if repair and ftfy() else ""
    origin = f"{repair} {form} {version} {unicodedata.unidata_version}".encode()
    origin += source(__file__, characters.__file__, traits.__file__)
    return stored_table("clean", origin, functools.partial(table_of_signs, repair, form))


def table_of_signs(repair: bool, form: Form) -> np.ndarray:
    """The bits of `signs`, worked out."""
    from finery_plugins.text import tidy

    known = characters.characters()
    table = known & characters.CLASS
    table[traits.traits() & traits.SPACE != 0] |= tidy.BLANK
    table[known & characters.UNSETTLED != 0] |= tidy.LOOSE
    every = "".join(chr(point) for points in traits.DENSE for point in points)
    marked = [(tidy.CONTROL, CONTROLS.findall(every) + LINE_BREAKS.findall(every))]
    if form == "NFKC":
        marked.append((tidy.LOOSE, [c for c in every if not unicodedata.is_normalized(form, c)]))
    if repair:
        marked.append((tidy.SUSPECT, suspects()))
    for bit, found in marked:
        table[[ord(character) for character in found]] |= bit
    return table


def suspects() -> list[str]:
    """The characters one of which every text has that ftfy finds badly encoded: those of its pattern, but ASCII."""
    from ftfy.badness import BADNESS_RE

    pattern = BADNESS_RE.pattern
    ranges = re.findall("([^\x00-\x7f])-([^\x00-\x7f])", pattern)
    between = [chr(point) for first, last in ranges for point in range(ord(first), ord(last) + 1)]
    return [character for character in [*pattern, *between] if not character.isascii()]


def apply(text: str, step: Step) -> str:
    """A text after a step."""
    return step(text)


def mended(text: str) -> str:
    """A text with lines in mixed-up encodings mended."""
    if text.isascii():
        return text
    badly_encoded, fix = ftfy()
    return "\n".join(map(fix, text.split("\n"))) if badly_encoded(text) else text


@functools.cache
def ftfy() -> tuple[Callable[[str], bool], Step]:
    """ftfy's test for text in a wrong encoding, and what mends it. Raises MissingExtra without ftfy."""
    try:
        from ftfy import fix_encoding
        from ftfy.badness import is_bad
    except ImportError:
        raise missing_extra("format 'clean'", "ftfy", "text") from None
    return is_bad, fix_encoding


def uncontrolled(text: str) -> str:
    """A text without control characters, all lines ended by newlines."""
    return CONTROLS.sub("", LINE_BREAKS.sub("\n", text.replace("\r\n", "\n")))


def normal(text: str, form: Any) -> str:
    """A text in a Unicode normal form."""
    return unicodedata.normalize(form, text)


def tidy(text: str) -> str:
    """A text without white space at the ends of its lines, and with at most two blank lines in a row."""
    lines = "\n".join([line.rstrip() for line in text.split("\n")])
    # Most texts have none to shorten, and `in` is ten times as fast as a pattern.
    short = BLANK_LINES.sub("\n\n\n", lines) if "\n\n\n\n" in lines else lines
    return short.strip("\n")
