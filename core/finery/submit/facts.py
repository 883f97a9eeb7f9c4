"""What a cluster's head has installed, told by a job of its own: `python -m finery.submit.facts acme-letters`."""

from __future__ import annotations

import json
import platform
import sys
import sysconfig
from collections.abc import Iterable
from importlib import metadata
from typing import Any

from finery.lock.distributions import digest, distribution, normalised

MARK = "finery-facts: "
"""Opens the line of a job's log that the facts stand in."""


def facts(names: Iterable[str]) -> dict[str, Any]:
    """Python, platform, every distribution's version by its normalised name, and the digests of those named."""
    there = {normalised(dist.name): dist.version for dist in metadata.distributions() if dist.name}
    found = {name: dist for name in names if (dist := distribution(name)) is not None}
    return {
        "python": platform.python_version(),
        "platform": sysconfig.get_platform(),
        "distributions": there,
        "digests": {name: digest(dist) for name, dist in found.items()},
    }


if __name__ == "__main__":
    sys.stdout.write(f"{MARK}{json.dumps(facts(sys.argv[1:]))}\n")
