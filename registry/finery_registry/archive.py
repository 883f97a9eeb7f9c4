"""The zip that a wheel is, looked at before anything in it is believed: sizes, names, kinds of member."""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from finery import Fault, UsageError

LARGEST_WHEEL = 100 * 2**20
LARGEST_CONTENT = 400 * 2**20
LARGEST_RATIO = 200
"""Bytes out for one byte in; Python source has 3 to 10, a table of zeros 1,000."""
RATIO_FROM = 2**20
"""Bytes of a member from which on the ratio counts: a small one does no harm."""
MOST_MEMBERS = 10_000
METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def opened(wheel: Path) -> zipfile.ZipFile:
    """The zip, read whole: nothing changes under a check, no file stays open.

    Raises UsageError for a file that is none, is no wheel or is too large.
    """
    if wheel.suffix != ".whl":
        raise UsageError.at(wheel.name, "is no wheel", "only wheels are taken: building an sdist runs its code")
    try:
        if wheel.stat().st_size > LARGEST_WHEEL:
            raise UsageError.at(wheel.name, f"is larger than {LARGEST_WHEEL:,} bytes", "fetch large data in prepare")
        return zipfile.ZipFile(io.BytesIO(wheel.read_bytes()))
    except OSError as error:
        raise UsageError.at(wheel.name, f"cannot be read: {error.strerror or error}") from None
    except (zipfile.BadZipFile, ValueError, NotImplementedError) as error:
        raise UsageError.at(wheel.name, f"is no zip: {error}", "build it again") from None


def archive_faults(archive: zipfile.ZipFile) -> Iterator[Fault]:
    """What is wrong with the zip itself; nothing is unpacked to find out."""
    members = archive.infolist()
    if len(members) > MOST_MEMBERS:
        yield Fault("", f"has {len(members):,} files", f"a plugin has {MOST_MEMBERS:,} at most")
    if sum(member.file_size for member in members) > LARGEST_CONTENT:
        yield Fault("", f"unpacks to more than {LARGEST_CONTENT:,} bytes", "fetch large data in prepare")
    seen: dict[str, str] = {}
    for member in members:
        yield from member_faults(member)
        taken = seen.setdefault(member.filename.rstrip("/").casefold(), member.filename)
        if taken is not member.filename:
            yield Fault(member.filename, f"stands there as {taken!r} already", "one of them would hide the other")


def member_faults(member: zipfile.ZipInfo) -> Iterator[Fault]:
    """What is wrong with one member of the zip."""
    name = member.filename
    # What zipfile says is cut at a NUL and has this system's separators; the name as written must be the same.
    if is_outside(member.orig_filename) or member.orig_filename != name:
        yield Fault(repr(member.orig_filename), "leads out of the folder that it is unpacked in", "name files plainly")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        yield Fault(name, "is a link or a device", "a wheel holds files")
    if member.flag_bits & 1 or member.compress_type not in METHODS:
        yield Fault(name, "is encrypted, or packed in a way that pip does not know", "build the wheel again")
    if member.file_size > RATIO_FROM and member.file_size > LARGEST_RATIO * max(1, member.compress_size):
        yield Fault(name, f"unpacks to more than {LARGEST_RATIO} times its size", "fetch large data in prepare")


def is_outside(name: str) -> bool:
    """Whether a member's name is absolute, climbs, or is one that another system reads so."""
    path = PurePosixPath(name)
    odd = any(character in name for character in "\\:\0") or any(not character.isprintable() for character in name)
    return odd or path.is_absolute() or ".." in path.parts or not path.parts
