"""What a plugin's code is: a digest over its source and whatever of its own package that imports."""

from __future__ import annotations

import ast
import importlib.util
from pathlib import Path

import xxhash

from finery.catalog import Entry
from finery.errors import PipelineError


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
    """The Python file of a module, without importing it (its parent packages are)."""
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    path = Path(spec.origin) if spec and spec.origin else None
    return path if path and path.suffix == ".py" and path.exists() else None


def own_imports(module: str, path: Path, top: str) -> list[str]:
    """The modules below `top` that a file imports, wherever in the file."""
    names: list[str] = []
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_bytes())):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            origin = absolute(node, package)
            names += [origin, *(f"{origin}.{alias.name}" for alias in node.names)]
    return [name for name in names if name.partition(".")[0] == top]


def absolute(node: ast.ImportFrom, package: str) -> str:
    """The full name of what an import statement imports from."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, node.module] if node.module else parts)
