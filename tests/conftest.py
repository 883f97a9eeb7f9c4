"""What all tests share: generated examples are not timed, because a kernel compiles at its first call; Ctrl-C is heard
though whoever started the tests in the background let it be ignored."""

from __future__ import annotations

import signal

from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("house", deadline=None)
settings.load_profile("house")
