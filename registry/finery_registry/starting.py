"""A new distribution: names worked out and checked, a template's plugin under them, and what publishing needs."""

from __future__ import annotations

import importlib.util
import keyword
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import metadata, resources
from pathlib import Path

from finery import UsageError
from finery_registry.listing import hook_known

NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
TAKEN = frozenset(
    {
        *("Annotated", "Any", "Batch", "Born", "Counter", "Dataset", "Draw", "Evaluation", "Field", "Iterator"),
        *("Journal", "Mapping", "Model", "Needs", "Path", "Reasons", "Sequence", "Source", "Stage", "Tally"),
        *("UsageError", "World"),
    }
)
"""Names that the templates import; a class is called otherwise."""

DEPENDS: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("filter", "score", "dedupe", "format"), ("finery>=0.1", "pyarrow>=21", "pydantic>=2.11")),
    "mix": ("finery>=0.1", "pydantic>=2.11"),
    "train": ("finery[train]>=0.1", "pydantic>=2.11"),
    "evaluate": ("finery[train]>=0.1", "pyarrow>=21", "pydantic>=2.11"),
    "observe": ("finery>=0.1",),
}
"""What each template's plugin imports."""


@dataclass(frozen=True)
class Names:
    """What one distribution, its module, its class and its plugin are called."""

    distribution: str
    plugin: str
    hook: str
    author: str

    @property
    def module(self) -> str:
        """The module."""
        return self.distribution.replace("-", "_")

    @property
    def kind(self) -> str:
        """The class."""
        made = "".join(part.capitalize() for part in self.plugin.split("-"))
        return f"{made}Plugin" if made in TAKEN else made


def named(name: str, hook: str, plugin: str | None, author: str | None) -> Names:
    """The names of a new distribution. Raises UsageError for those that cannot be, or are taken here."""
    hook_known(hook)
    word = plugin or name.removeprefix("finery-")
    for given in (name, word):
        if not NAME.fullmatch(given) or len(given) > 60:
            remedy = "take lower-case letters, digits and single dashes, a letter first"
            raise UsageError.at(f"'{given}'", "is no name for a distribution and its plugin", remedy)
    names = Names(name, word, hook, author or f"The authors of {name}")
    if (
        keyword.iskeyword(names.module)
        or importlib.util.find_spec(names.module)
        or names.module in sys.stdlib_module_names
    ):
        raise UsageError.at(name, f"its module '{names.module}' would hide another of that name", "take another name")
    if points := metadata.entry_points(group=f"finery.{hook}", name=word):
        owner = next(iter(points)).dist
        fault = f"is brought by {owner.name if owner else 'another distribution'} already"
        raise UsageError.at(f"{hook} '{word}'", fault, "take another name, or give --plugin")
    return names


def begun(names: Names, folder: Path) -> list[Path]:
    """Write the distribution into a folder and return its files. Raises UsageError where something lies there."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError.at(folder, "is there already and not empty", "give --folder another place")
    made = []
    for name, text in contents(names).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        made.append(path)
    return made


def contents(names: Names) -> dict[str, str]:
    """Every file by its path."""
    return {
        "pyproject.toml": filled("pyproject.toml.txt", names),
        f"{names.module}.py": renamed(template(f"{names.hook}.py"), names),
        f"tests/test_{names.module}.py": tested(template(f"{names.hook}_test.py"), names),
        "README.md": filled("README.md.txt", names),
        "LICENSE": licence(),
        ".github/workflows/tests.yml": filled("tests.yml.txt", names),
        ".gitignore": "__pycache__/\n.finery/\n.mypy_cache/\n.pytest_cache/\n.ruff_cache/\n.venv/\ndist/\n",
    }


def template(name: str) -> str:
    """A file of the templates."""
    return resources.files("finery_registry.templates").joinpath(name).read_text(encoding="utf-8")


def renamed(text: str, names: Names) -> str:
    """A template under the author's names."""
    return text.replace("Starter", names.kind).replace('"starter"', f'"{names.plugin}"')


def tested(text: str, names: Names) -> str:
    """A template's test: what it tests is imported last, as the author's own."""
    plain = re.sub(r"^# ruff: noqa.*\n\n?", "", text, flags=re.M)
    own = f"from finery_registry.templates.{names.hook} import Starter\n"
    return renamed(plain.replace(own, f"\nfrom {names.module} import Starter\n"), names)


def filled(name: str, names: Names) -> str:
    """A template of text, each `@word@` in it replaced."""
    words = {
        "distribution": names.distribution,
        "module": names.module,
        "class": names.kind,
        "plugin": names.plugin,
        "hook": names.hook,
        "summary": summary(names.hook),
        "author": names.author.replace("\\", "").replace('"', "'"),
        "dependencies": ", ".join(f'"{one}"' for one in DEPENDS[names.hook]),
        "use": use(renamed(template(f"{names.hook}.py"), names)),
        "year": str(datetime.now(UTC).year),
    }
    return re.sub(r"@(\w+)@", lambda found: words.get(found[1], found[0]), template(name))


def summary(hook: str) -> str:
    """What a template's plugin does: the first sentence of its class, without the full stop."""
    found = re.search(r'class Starter:\n    """(.+)', template(f"{hook}.py"))
    return found[1].rstrip(".") if found else hook


def use(text: str) -> str:
    """The example in a plugin's docstring."""
    found = re.search(r"```toml\n(.*?)```", text, re.S)
    return "\n".join(line.strip() for line in (found[1] if found else "").strip().splitlines())


def licence() -> str:
    """The Apache License 2.0, as Finery itself has it."""
    return metadata.distribution("finery").read_text("licenses/LICENSE") or (
        "Licensed under the Apache License, Version 2.0: https://www.apache.org/licenses/LICENSE-2.0\n"
    )
