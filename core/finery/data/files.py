"""The files that a source names: found, opened and told apart."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from finery.data.source import COMPRESSIONS, KINDS, SUFFIXES, SourceConfig
from finery.errors import DataError, PipelineError, did_you_mean, missing_extra


def matches(source: SourceConfig, folder: Path) -> list[str]:
    """The names of a source's files, sorted, each once: as written, so relative to `folder` where the pattern
    is.

    Raises PipelineError where a pattern matches no file or names a folder.
    """
    found = {name for pattern in source.patterns for name in expanded(pattern, source, folder)}
    return sorted(found)


def expanded(pattern: str, source: SourceConfig, folder: Path) -> list[str]:
    """The files that one pattern matches."""
    names = remote_names(pattern, source) if is_url(pattern) else local_names(pattern, folder)
    if not names:
        raise PipelineError.at(source.place, *no_match(pattern, folder))
    return names


def local_names(pattern: str, folder: Path) -> list[str]:
    """The local files that a glob matches, relative to `folder` where the glob is."""
    pattern = os.path.expanduser(pattern)  # noqa: PTH111  (pathlib would rewrite the rest of the glob)
    if (folder / pattern).is_file():
        return [PurePosixPath(pattern).as_posix()]
    names = glob.glob(pattern, root_dir=folder, recursive=True)  # noqa: PTH207  (keeps `..` and absolute paths)
    return [PurePosixPath(name).as_posix() for name in names if not (folder / name).is_dir()]


def local_folder_files(folder: Path) -> list[str]:
    """The files below a folder, sorted; without what is hidden, and without `state.json`, which differs
    between equal copies."""
    names = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    seen = [name for name in names if not any(part.startswith(".") for part in name.parts)]
    return sorted(name.as_posix() for name in seen if name.name != "state.json")


def remote_names(pattern: str, source: SourceConfig) -> list[str]:
    """The files behind a URL that match a glob, as URLs."""
    system, path = file_system(pattern, source)
    try:
        names = system.glob(path) if glob.has_magic(path) else [path] if system.exists(path) else []
        chain = pattern.partition("::")[1:]  # what the file system itself stands in, such as the archive of a zip
        return [system.unstrip_protocol(name) + "".join(chain) for name in names if not system.isdir(name)]
    except OSError as error:
        raise DataError.at(source.place, f"cannot list '{pattern}': {error}") from error


def file_system(url: str, source: SourceConfig) -> tuple[Any, str]:
    """The fsspec file system of a URL and the path in it. Raises PipelineError or MissingExtra."""
    import fsspec

    try:
        return cast(tuple[Any, str], fsspec.core.url_to_fs(url))
    except ImportError as error:
        remedy = f"{error}: pip install 'finery[cloud]' has what s3:// and https:// need"
        raise PipelineError.at(source.place, f"cannot read '{url}'", remedy) from error
    except ValueError as error:
        raise PipelineError.at(source.place, f"cannot read '{url}': {error}") from error


def no_match(pattern: str, folder: Path) -> tuple[str, str]:
    """Fault and remedy for a pattern that matches no file."""
    target = folder / pattern
    if not is_url(pattern) and target.is_dir():
        return f"'{pattern}' is a folder", f"name its files: '{pattern.rstrip('/')}/**/*.jsonl'"
    siblings = [entry.name for entry in target.parent.iterdir()] if target.parent.is_dir() else []
    guess = did_you_mean(target.name, siblings)
    return f"no file matches '{pattern}'{guess}", f"paths are relative to {folder}"


def is_url(name: str) -> bool:
    """Whether a name is for fsspec rather than for this machine's own file system."""
    return "://" in name or "::" in name


def opened(name: str, folder: Path) -> IO[bytes]:
    """A file's bytes as a stream. Raises OSError."""
    if not is_url(name):
        return (folder / name).open("rb")
    import fsspec

    chain: Any = fsspec.open(name, "rb")
    stream: Any = chain.open()
    if "::" in name:
        # An archive closes with the last reference to its file system, whoever still reads from it.
        stream.kept_open_by = chain.fs
    return cast(IO[bytes], stream)


def size(name: str, source: SourceConfig, folder: Path) -> int:
    """Bytes of a file. Raises DataError where it cannot be asked for or read."""
    try:
        if is_url(name):
            system, path = file_system(name, source)
            return int(system.size(path) or 0)
        with opened(name, folder) as stream:
            return os.fstat(stream.fileno()).st_size
    except OSError as error:
        raise unreadable(source, name, error) from error


def stamp(name: str, source: SourceConfig, folder: Path) -> str:
    """What changes when a file is written: path, size, times and inode, or what its remote file system says
    of it."""
    if is_url(name):
        system, path = file_system(name, source)
        return f"{name}|{system.ukey(path)}"
    local = folder / name
    state = local.stat()
    return "|".join(map(str, (local, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)))


def unreadable(source: SourceConfig, name: str, error: BaseException) -> Exception:
    """The error for a file that cannot be read."""
    said = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return DataError.at(source.place, f"cannot read '{name}': {said}")


def compression(name: str) -> str | None:
    """`gzip`, `zstd` or None, by the end of the name."""
    return COMPRESSIONS.get(innermost(name).suffix.lower())


def innermost(name: str) -> PurePosixPath:
    """The file that a name means: of a chain such as `zip://a.jsonl::s3://bucket/b.zip`, the first with a path."""
    parts = name.split("::")
    return PurePosixPath(next((part for part in parts if "://" in part), name))


def kind(name: str, source: SourceConfig) -> str:
    """The kind of a file: the source's, else by its suffix. Raises PipelineError where neither tells."""
    if source.kind is not None:
        return known_kind(source.kind, source)
    file = innermost(name)
    bare = file.with_suffix("") if compression(name) else file
    found = SUFFIXES.get(bare.suffix.lower())
    if found is None:
        remedy = f"say which: kind = {one_of(KINDS)}"
        raise PipelineError.at(source.place, f"the suffix of '{name}' does not say its kind", remedy)
    return found


def known_kind(kind: str, source: SourceConfig) -> str:
    """`kind`, if there is such a kind."""
    if kind not in KINDS:
        fault = f"unknown kind '{kind}'{did_you_mean(kind, KINDS)}"
        raise PipelineError.at(source.place, fault, f"take {one_of(KINDS)}")
    return kind


def one_of(words: Iterable[str]) -> str:
    """`"a", "b" or "c"`."""
    *most, last = [f'"{word}"' for word in words]
    return f"{', '.join(most)} or {last}" if most else last


def needs(source: SourceConfig, module: str, extra: str) -> Exception:
    """The error for a library that a source needs and that is not there."""
    return missing_extra(source.place, module, extra)
