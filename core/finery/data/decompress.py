"""A file's bytes in chunks, decompressed on the way; what stands before a break is not lost."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import IO

CHUNK = 4 << 20
"""Bytes that are looked at together."""

SIP = 16 << 10
"""Bytes asked of the zstd reader at once: where a file breaks off, it drops what it has not yet handed out."""

GZIP = 31
"""zlib's window bits for gzip framing, header and checksum included."""


class Damaged(Exception):
    """A compressed file ends too early or does not decompress from some point on."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        """`truncated` or `damaged`."""
        self.detail = detail


def chunks(
    stream: IO[bytes],
    compression: str | None = None,
    start: int = 0,
    end: int | None = None,
    size: int = CHUNK,
) -> Iterator[bytes]:
    """The bytes of a file from `start` up to `end` in chunks of at most `size`.

    `start` and `end` count in plain files only. Raises Damaged behind the last chunk that a compressed file
    yields.
    """
    if compression == "gzip":
        return gzip_chunks(stream, size)
    if compression == "zstd":
        return zstd_chunks(stream, size)
    return plain_chunks(stream, start, end, size)


def plain_chunks(stream: IO[bytes], start: int, end: int | None, size: int) -> Iterator[bytes]:
    """The bytes from `start` up to `end`, or to the end of the file."""
    if start:
        stream.seek(start)
    while end is None or start < end:
        chunk = stream.read(size if end is None else min(size, end - start))
        if not chunk:
            return
        start += len(chunk)
        yield chunk


def gzip_chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """The content of a gzip file of any number of members, as far as it decompresses."""
    member, data = None, b""
    while data or (data := stream.read(size)):
        if member is None:
            data = data.lstrip(b"\0")  # zero padding behind a member, as tapes have it
            member = zlib.decompressobj(GZIP) if data else None
            continue
        try:
            chunk = member.decompress(data, size)
        except zlib.error as error:
            raise Damaged("damaged", f"gzip: {error}") from error
        data = member.unused_data if member.eof else member.unconsumed_tail
        member = None if member.eof else member
        if chunk:
            yield chunk
    if member is not None:
        yield from flushed(member)
        if not member.eof:
            raise Damaged("truncated", "gzip: the file ends before its stream does")


def flushed(member: zlib._Decompress) -> Iterator[bytes]:
    """What zlib still holds when its input has ended."""
    try:
        rest = member.flush()
    except zlib.error:
        return
    if rest:
        yield rest


def zstd_chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    """The content of a zstd file of any number of frames, as far as it decompresses."""
    import pyarrow as pa

    source = pa.CompressedInputStream(stream, "zstd")
    parts: list[bytes] = []
    held = 0
    try:
        while part := source.read(min(SIP, size)):
            parts.append(part)
            held += len(part)
            if held >= size:
                yield b"".join(parts)
                parts, held = [], 0
    except OSError as error:
        yield b"".join(parts)
        code = "truncated" if "runcated" in str(error) else "damaged"
        raise Damaged(code, f"zstd: {error}") from error
    if parts:
        yield b"".join(parts)
