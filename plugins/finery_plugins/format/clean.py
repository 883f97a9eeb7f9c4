"""The format `clean`: mended encodings, one Unicode form, no control characters, tidy white space."""

from __future__ import annotations

import functools
import re
import unicodedata
from collections.abc import Callable
from typing import Any, Literal

import pyarrow as pa
from pydantic import Field

from finery import Batch, Needs, hookimpl, missing_extra, plugin
from finery_plugins.text.content import column_of, one_chunk, rewritten, text_columns

LINE_BREAKS = re.compile("[\r\x0b\x0c\x85\u2028\u2029]")
"""What ends a line elsewhere: other systems, page feeds, Unicode's separators."""

CONTROLS = re.compile("[\x00-\x08\x0e-\x1f\x7f-\x84\x86-\x9f\u206a-\u206f\ufeff\ufff9-\ufffb]")
"""Control characters but tab and line breaks; byte order marks and Unicode's deprecated format controls."""

BLANK_LINES = re.compile("\n{4,}")
"""More than two blank lines."""

Step = Callable[[str], str]


@plugin(needs=Needs(extra="text"))
class Clean:
    """Repair the text of records: encodings mixed up, control characters, Unicode forms, white space.

    It takes all text of a record whatever its shape, of dialogues what was said. A column in which nothing
    changes stays as it is. A text may become empty; the filter `length` drops such records.

    ```toml
    [[stage]]
    format = "clean"
    whitespace = false
    ```
    """

    repair: bool = True
    """Mend text that was read in the wrong encoding, such as `cafÃ©`, with ftfy. Quotes, ligatures, widths
    and HTML entities stay; text of ASCII, or that does not look mixed up, is not touched."""

    normal_form: Literal["NFC", "NFKC", "none"] = "NFC"
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
        steps, before = self.steps(), texts.to_pylist()
        after = [text if text is None else functools.reduce(apply, steps, text) for text in before]
        return texts if after == before else pa.array(after, pa.large_string())

    def steps(self) -> list[Step]:
        """What is done to a text; controls are traces of mixed-up encodings, so mending comes first."""
        asked: list[tuple[bool, Step]] = [
            (self.repair, mended),
            (self.controls, uncontrolled),
            (self.normal_form != "none", functools.partial(normal, form=self.normal_form)),
            (self.whitespace, tidy),
        ]
        return [step for wanted, step in asked if wanted]


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
