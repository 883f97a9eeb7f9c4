"""Writes the documentation that lies on every machine with Python as sources for a first run.

    python corpus.py OUT_DIR [--max-mb 30]

`stdlib.jsonl` holds the docstrings of the standard library and its language reference, `packages.jsonl` those
of the installed packages with their descriptions and licences, `instructions.jsonl` pairs of a signature and
what its docstring says first, in the alpaca shape. Nothing is imported to be read: docstrings come out of the
syntax tree. Equal installations give equal files.
"""

from __future__ import annotations

import argparse
import ast
import hashlib
import inspect
import itertools
import json
import sysconfig
import warnings
from collections.abc import Iterable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

SHORTEST = 200
"""Characters of a document at least: shorter ones say little more than a name."""
PAIRS = 8_000
"""Instructions at most."""
STDLIB_SHARE = 0.35
"""Of the megabytes at most: the packages are the larger part wherever anything is installed."""
ASIDE = ("test", "tests", "site-packages", "__pycache__", "idlelib", "lib2to3")
"""Folders of the standard library that document nothing a reader would use."""
QUESTIONS = (
    "Explain what this does.",
    "What is this for?",
    "Describe this in a sentence or two.",
    "Write how the docstring of this begins.",
)

Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Record = dict[str, str]


@dataclass(frozen=True)
class File:
    """A Python file to read: where it is, the module in it, and what every record of it says."""

    path: Path
    module: str
    about: tuple[tuple[str, str], ...]


def main() -> None:
    """Write the three files and say how large they are."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, metavar="OUT_DIR")
    parser.add_argument("--max-mb", type=float, default=30, help="megabytes of text at most (default: 30)")
    said = parser.parse_args()
    said.out.mkdir(parents=True, exist_ok=True)
    for name, records in corpus(int(said.max_mb * 1_000_000)).items():
        text = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
        (said.out / f"{name}.jsonl").write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}.jsonl: {len(records):,} records, {len(text.encode()) / 1e6:.1f} MB")


def corpus(limit: int) -> dict[str, list[Record]]:
    """The records of the three files, at most `limit` bytes of text."""
    pool = ProcessPoolExecutor()
    found = itertools.chain([reference()], pool.map(read, ordered(stdlib_files()), chunksize=8))
    stdlib, pairs = taken(found, int(limit * STDLIB_SHARE))
    found = itertools.chain([(metadata(), [])], pool.map(read, ordered(package_files()), chunksize=8))
    packages, more = taken(found, limit - sum(map(size, stdlib)))
    pool.shutdown(cancel_futures=True)
    instructions = sorted({json.dumps(pair) for pair in pairs + more}, key=hashed)[:PAIRS]
    return {
        "stdlib": stdlib,
        "packages": packages,
        "instructions": [json.loads(pair) for pair in instructions],
    }


def taken(found: Iterable[tuple[list[Record], list[Record]]], limit: int) -> tuple[list[Record], list[Record]]:
    """Records and pairs until the records hold `limit` bytes of text."""
    records: list[Record] = []
    pairs: list[Record] = []
    total = 0
    for some, more in found:
        pairs += more
        for record in some:
            total += size(record)
            if total > limit:
                return records, pairs
            records.append(record)
    return records, pairs


def size(record: Record) -> int:
    """Bytes of a record's text."""
    return len(record["text"].encode())


def hashed(text: str) -> bytes:
    """A fixed disorder: what is cut off at a limit is then as mixed as what is kept."""
    return hashlib.sha256(text.encode()).digest()


def ordered(files: Iterable[File]) -> list[File]:
    """Files in a fixed disorder."""
    return sorted(files, key=lambda file: hashed(file.module))


def stdlib_files() -> Iterator[File]:
    """The standard library."""
    root = Path(sysconfig.get_paths()["stdlib"])
    for path in root.rglob("*.py"):
        inside = path.relative_to(root)
        if not set(inside.parts) & set(ASIDE):
            yield File(path, dotted(inside), (("license", "PSF-2.0"),))


def package_files() -> Iterator[File]:
    """The modules of the installed distributions."""
    for package in packages():
        said = about(package)
        for entry in package.files or ():
            if entry.suffix == ".py" and ".." not in entry.parts and not set(entry.parts) & set(ASIDE):
                yield File(Path(str(package.locate_file(entry))), dotted(Path(entry)), said)


def packages() -> list[Distribution]:
    """The installed distributions by name; not Finery, which changes while you read it."""
    found = {package.name.lower(): package for package in distributions() if package.name}
    return [found[name] for name in sorted(found) if name != "finery"]


def about(package: Distribution) -> tuple[tuple[str, str], ...]:
    """What every record of a package says of it."""
    said = package.metadata.json
    licence = str(said.get("license_expression") or said.get("license") or "unknown").strip()
    return (
        ("package", package.name),
        ("version", package.version),
        ("license", licence.splitlines()[0][:80]),
    )


def metadata() -> list[Record]:
    """The packages' descriptions, and the licences that they ship."""
    records = []
    for package in packages():
        texts = [("description", str(package.metadata.json.get("description", "")))]
        texts += [("license", entry.read_text("utf-8")) for entry in package.files or () if is_license(entry.parts)]
        said = about(package)
        records += [
            dict(said, text=text.strip(), module="", name=package.name, kind=kind)
            for kind, text in texts
            if len(text) >= SHORTEST
        ]
    return records


def is_license(parts: tuple[str, ...]) -> bool:
    """Whether a file of a distribution is the text of a licence."""
    return ".dist-info" in parts[0] and parts[-1].upper().startswith(("LICENSE", "LICENCE", "COPYING", "NOTICE"))


def reference() -> tuple[list[Record], list[Record]]:
    """The language reference, which `help()` shows: a dictionary of texts in `pydoc_data/topics.py`."""
    path = Path(sysconfig.get_paths()["stdlib"]) / "pydoc_data" / "topics.py"
    tree = ast.parse(path.read_bytes()) if path.exists() else ast.parse("")
    tables = [node.value for node in tree.body if isinstance(node, ast.Assign) and isinstance(node.value, ast.Dict)]
    topics = [item for table in tables for item in ast.literal_eval(table).items()]
    records = [
        {"text": text.strip(), "module": "pydoc_data.topics", "name": name, "kind": "reference", "license": "PSF-2.0"}
        for name, text in topics
    ]
    return records, []


def dotted(path: Path) -> str:
    """The module in a file."""
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def read(file: File) -> tuple[list[Record], list[Record]]:
    """The documents of a module, and the pairs of its definitions; nothing where it cannot be parsed."""
    try:
        source = file.path.read_bytes()
        if b'"""' not in source and b"'''" not in source:
            return [], []
        with warnings.catch_warnings(action="ignore"):
            tree = ast.parse(source)
    except (OSError, SyntaxError, ValueError, RecursionError):
        return [], []
    documents = [("module", file.module, inspect.cleandoc(ast.get_docstring(tree) or ""))]
    found = [node for node in tree.body if isinstance(node, Definition)]
    documents += [(kind_of(node), node.name, document(node, file.module)) for node in found]
    records = [
        dict(file.about, text=writable(text), module=file.module, name=name, kind=kind)
        for kind, name, text in documents
        if len(text) >= SHORTEST
    ]
    pairs = [pair(node, file.module) for node in itertools.chain(found, *map(methods, found))]
    return records, [found for found in pairs if found]


def writable(text: str) -> str:
    """A text that UTF-8 can hold: a docstring may spell half of a surrogate pair."""
    return text.encode("utf-8", "replace").decode()


def kind_of(node: Definition) -> str:
    """`class` or `function`."""
    return "class" if isinstance(node, ast.ClassDef) else "function"


def methods(node: Definition) -> list[Definition]:
    """The public methods of a class."""
    body = node.body if isinstance(node, ast.ClassDef) else []
    return [part for part in body if isinstance(part, Definition) and not part.name.startswith("_")]


def document(node: Definition, module: str) -> str:
    """Signature and docstring of a definition, then those of its methods; nothing where none has one."""
    parts = [(module, node), *((f"{module}.{node.name}", part) for part in methods(node))]
    documented = [(where, part, ast.get_docstring(part)) for where, part in parts]
    return "\n\n".join(f"{signature(part, where)}\n\n{text}" for where, part, text in documented if text)


def signature(node: Definition, where: str) -> str:
    """How a definition is called, on one line."""
    if isinstance(node, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in node.bases)
        return f"class {where}.{node.name}" + (f"({bases})" if bases else "")
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    return f"{where}.{node.name}({ast.unparse(node.args)}){returns}"


def pair(node: Definition, module: str) -> Record | None:
    """An instruction from a definition, where its docstring opens with a plain sentence or two."""
    opening = " ".join((ast.get_docstring(node) or "").partition("\n\n")[0].split())
    if not (30 <= len(opening) <= 300 and opening.isascii() and opening[0].isupper() and opening.endswith(".")):
        return None
    call = signature(node, module)
    question = QUESTIONS[hashed(call)[0] % len(QUESTIONS)]
    return {"instruction": question, "input": call, "output": opening} if len(call) <= 300 else None


if __name__ == "__main__":
    main()
