"""Values as TOML has them, to be read back or shown."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

BARE = re.compile(r"[A-Za-z0-9_-]+")
"""A key that needs no quotation marks."""


def as_toml(value: Any) -> str:
    """A value on one line; nothing for None, which TOML does not have."""
    if value is None:
        return ""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{key(str(name))} = {as_toml(part)}" for name, part in value.items())
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(as_toml, value))}]"
    return quoted(value) if isinstance(value, str) else json.dumps(value)


def key(name: str) -> str:
    """A name before an equals sign."""
    return name if BARE.fullmatch(name) else quoted(name)


def quoted(text: str) -> str:
    """A text in quotation marks. JSON's escapes are TOML's, but for one character that only TOML forbids."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
