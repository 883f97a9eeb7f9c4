"""What all tests share: generated examples are not timed, because a kernel compiles at its first call."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
