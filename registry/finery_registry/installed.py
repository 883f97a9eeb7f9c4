"""What is installed in this environment, from the metadata of the one distribution that is asked about."""

from __future__ import annotations

import functools
import json
from importlib import metadata


def installed_version(name: str) -> str | None:
    """The version of a distribution, None where it is not installed."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


@functools.cache
def is_local(name: str) -> bool:
    """Whether a distribution was installed from a folder, such as with `pip install -e`."""
    try:
        said = metadata.distribution(name).read_text("direct_url.json")
    except metadata.PackageNotFoundError:
        return False
    return "dir_info" in json.loads(said or "{}")


@functools.cache
def finery_version() -> str:
    """The version of Finery."""
    return metadata.version("finery")
