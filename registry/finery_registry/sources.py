"""What a plugin's Python source shows without being run: libraries imported at the top, the API it was written for."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator

HEAVY = frozenset(
    {
        "torch", "transformers", "datasets", "ray", "trl", "peft", "accelerate", "deepspeed", "vllm", "tensorflow",
        "jax", "spacy", "nltk", "sklearn",
    }
)  # fmt: skip
"""Libraries that take a second or more to import; each belongs inside the function that uses it."""


def heavy_imports(source: str) -> Iterator[tuple[int, str]]:
    """Line and name of each heavy library that importing the module imports. Raises SyntaxError."""
    for node in at_import(ast.parse(source).body):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names = [node.module or ""]
        else:
            continue
        yield from (
            (node.lineno, top) for top in dict.fromkeys(name.partition(".")[0] for name in names) if top in HEAVY
        )


def at_import(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements that run when a module is imported, those for type checkers left out."""
    for node in body:
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for name in ("orelse",) if is_for_types(node) else ("body", "orelse", "finalbody"):
            yield from at_import(getattr(node, name, []))
        for part in (*getattr(node, "handlers", []), *getattr(node, "cases", [])):
            yield from at_import(part.body)


def is_for_types(node: ast.stmt) -> bool:
    """Whether a statement is `if TYPE_CHECKING:`."""
    test = node.test if isinstance(node, ast.If) else None
    name = test.attr if isinstance(test, ast.Attribute) else test.id if isinstance(test, ast.Name) else ""
    return name == "TYPE_CHECKING"


def apis(source: str) -> Iterator[tuple[int, int]]:
    """Line and number of each `@plugin(api=...)` that is written out."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ClassDef):
            for call in node.decorator_list:
                yield from said_api(call)


def said_api(call: ast.expr) -> Iterator[tuple[int, int]]:
    """The API that one decorator names."""
    name = getattr(call, "func", None)
    if not isinstance(call, ast.Call) or getattr(name, "id", getattr(name, "attr", "")) != "plugin":
        return
    for keyword in call.keywords:
        if keyword.arg == "api" and isinstance(keyword.value, ast.Constant) and isinstance(keyword.value.value, int):
            yield call.lineno, keyword.value.value


def defines(source: str, name: str) -> bool:
    """Whether a module's top level binds a name: a class, a function, an assignment, an import."""
    for node in at_import(ast.parse(source).body):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) and node.name == name:
            return True
        if isinstance(node, ast.Import | ast.ImportFrom):
            if name in [(alias.asname or alias.name.partition(".")[0]) for alias in node.names]:
                return True
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            if name in [target.id for target in targets if isinstance(target, ast.Name)]:
                return True
    return False
