"""HTML from Python: elements whose text cannot break out of them."""

from __future__ import annotations

import json
import re
from html import escape
from typing import Any

from finery.cli.render import plain

VOID = ("meta", "link", "br")


class Markup(str):
    """Text that is HTML already."""

    __slots__ = ()


def element(name: str, *children: Any, **attributes: Any) -> Markup:
    """An element. Children that are not Markup are text; attributes that are None or False are left out.

    `class_` and `for_` lose their underscore, others become hyphens: `aria_label`.
    """
    said = "".join(attribute(key, value) for key, value in attributes.items() if value not in (None, False))
    if name in VOID:
        return Markup(f"<{name}{said}>")
    return Markup(f"<{name}{said}>{inside(children)}</{name}>")


def inside(children: Any) -> Markup:
    """Children one after the other."""
    return Markup("".join(child if isinstance(child, Markup) else escape(shown(child)) for child in children))


def attribute(key: str, value: Any) -> str:
    """One attribute; True stands for itself."""
    name = key.rstrip("_").replace("_", "-")
    return f" {name}" if value is True else f' {name}="{escape(shown(value))}"'


def shown(value: Any) -> str:
    """Text without what HTML does not allow at all, such as NUL and halves of surrogate pairs."""
    return re.sub(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]", "\ufffd", str(value))


def data(value: Any) -> Markup:
    """A value as JSON that can stand inside a script element."""
    text = shown(json.dumps(plain(value), ensure_ascii=False, allow_nan=False, separators=(",", ":")))
    return Markup(text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e"))


def label(text: Any) -> str:
    """Text for a chart: plotly.js reads a few HTML tags in its labels, and a record's text must not be one."""
    return escape(shown(text), quote=False)
