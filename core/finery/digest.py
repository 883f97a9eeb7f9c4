"""What a plugin's code is: a digest over its source and whatever of its own package that imports."""

from __future__ import annotations

import ast
import functools
import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path

import xxhash

from finery.catalog import Entry
from finery.errors import PipelineError

BY_NAME = re.compile(rb"""import_module\(\s*["']([A-Za-z_][\w.]*)["']""")
"""A module imported by its full name in a string."""

BLOCKS = ("body", "orelse", "finalbody", "handlers", "cases")
"""What holds the statements of a statement, of an exception's handler, or of a case."""


def plugin_digest(entry: Entry) -> str:
    """Hex digest of version and source. A change elsewhere in a large package does not change it.

    Raises PipelineError where the module cannot be found.
    """
    module = entry.target.partition(":")[0]
    digest = xxhash.xxh3_128(f"{entry.target}\n{entry.version}\n".encode())
    for name, path in sorted(closure(module).items()):
        digest.update(f"{name}\n".encode() + path.read_bytes())
    return digest.hexdigest()


def closure(module: str) -> dict[str, Path]:
    """The module and all modules of its own top-level package that it imports, directly or not."""
    found: dict[str, Path] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = None if name in found else source_file(name)
        if path is None:
            continue
        found[name] = path
        waiting += own_imports(name, path, module.partition(".")[0])
    if not found:
        raise PipelineError.at(module, "there is no such module", "is it beside the pipeline file, or installed?")
    return found


def source_file(module: str) -> Path | None:
    """The Python file of a module; nothing is imported, not even the packages it is in."""
    top, *rest = module.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    folders = [] if spec is None else spec.submodule_search_locations or []
    files = [Path(spec.origin)] if spec and spec.origin and not rest else []
    for folder in folders if rest else ():
        base = Path(folder, *rest)
        files += [base / "__init__.py", base.with_name(f"{base.name}.py")]
    return next((path for path in files if path.suffix == ".py" and path.is_file()), None)


def own_imports(module: str, path: Path, top: str) -> tuple[str, ...]:
    """The modules below `top` that a file imports, by a statement anywhere in it or by `import_module("name")`."""
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    return imports(package, path.read_bytes(), top)


@functools.lru_cache(maxsize=1024)
def imports(package: str, source: bytes, top: str) -> tuple[str, ...]:
    """`own_imports` of a source in a package; kept, because the plugins of a pipeline share most of their files."""
    names = [name.decode() for name in BY_NAME.findall(source)]
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # whoever imports it will hear of that
        return ()
    for node in statements(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, package)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return tuple(name for name in names if name.partition(".")[0] == top)


def statements(tree: ast.Module) -> Iterator[ast.AST]:
    """Every statement of a module, however deep; expressions are most of a tree and hold none."""
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop()
        yield node
        for block in BLOCKS:
            waiting += getattr(node, block, ())


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of what an import statement imports from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)
