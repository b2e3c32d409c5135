"""Compressed files -> plain files on scratch, within bounds. Archives are read member by member, never unpacked by name."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import BinaryIO

import zstandard

from connectors.contract import StopStream
from connectors.formats.options import Compression, FormatOptions, Opener

BLOCK = 1 << 20
FREE_RATIO_BYTES = 64 << 20
"""Below this, any ratio is allowed: a small file of zeros is no bomb."""
KEEP_FREE = 256 << 20
"""Scratch space that unpacking leaves free."""
MAGIC: tuple[tuple[bytes, Compression], ...] = (
    (b"\x1f\x8b", "gzip"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
)


def compression_of(opener: Opener, options: FormatOptions) -> Compression:
    """As the option says, else by the first bytes; the file's name is not asked."""
    if options.compression:
        return options.compression
    with opener() as file:
        head = file.read(4)
    return next((kind for magic, kind in MAGIC if head.startswith(magic)), "none")


def members(opener: Opener, options: FormatOptions, name: str) -> tuple[str, ...]:
    """The files in a zip, in the archive's order; empty for anything else. Folders and macOS extras are left out."""
    if compression_of(opener, options) != "zip":
        return ()
    with _archive(opener, name) as archive:
        names = [info.filename for info in archive.infolist() if _is_data(info)]
    twice = next((member for member in names if names.count(member) > 1), None) if len(set(names)) < len(names) else None
    if twice is not None:
        raise StopStream(f"{name} holds two members named {twice}: make the archive again with unique names")
    return tuple(names)


def unpack(opener: Opener, options: FormatOptions, name: str, member: str | None, scratch: Path) -> Path | None:
    """Decompress to a new file in ``scratch``; None when the file is not compressed. Raises StopStream beyond the bounds."""
    kind = compression_of(opener, options)
    if kind == "none":
        return None
    with opener() as file:
        packed = file.seek(0, os.SEEK_END)
    descriptor, made = tempfile.mkstemp(prefix="unpacked-", dir=scratch)
    try:
        with os.fdopen(descriptor, "wb") as target:
            _pour(_blocks(opener, kind, name, member), target, packed, options, name, scratch)
        with open(made, "rb") as plain:
            head = plain.read(4)
        if any(head.startswith(magic) for magic, _ in MAGIC):
            raise StopStream(f"{name} is an archive inside an archive: unpack it once before it is loaded")
    except BaseException:
        os.unlink(made)
        raise
    return Path(made)


def _pour(blocks: Iterator[bytes], target: BinaryIO, packed: int, options: FormatOptions, name: str, scratch: Path) -> None:
    total = checked = 0
    for block in blocks:
        total += len(block)
        if total > options.max_bytes:
            raise StopStream(f"{name} unpacks to more than {options.max_bytes:,} bytes: raise max_bytes if that is right")
        if total > FREE_RATIO_BYTES and total > packed * options.max_ratio:
            raise StopStream(
                f"{name} unpacks to more than {options.max_ratio} times its size and may be a zip bomb: unpack it first"
            )
        if total - checked >= FREE_RATIO_BYTES or not checked:
            checked = total
            if shutil.disk_usage(scratch).free < KEEP_FREE:
                raise StopStream(f"{name} does not fit on the scratch disk: free some space in {scratch}")
        target.write(block)


def _blocks(opener: Opener, kind: Compression, name: str, member: str | None) -> Iterator[bytes]:
    """Decompressed blocks; damage becomes one line that names the file."""
    try:
        if kind == "gzip":
            yield from _gzip(opener, name)
        elif kind == "zstd":
            yield from _zstd(opener, name)
        else:
            yield from _zip(opener, name, member)
    except (zlib.error, zstandard.ZstdError, zipfile.BadZipFile, EOFError) as error:
        raise StopStream(f"{name} is damaged ({kind}: {error}): fetch or make it again") from None


def _gzip(opener: Opener, name: str) -> Iterator[bytes]:
    """Member after member; NUL padding at the end is allowed, as gzip itself does."""
    with opener() as file:
        data = file.read(BLOCK)
        while data.strip(b"\0"):
            engine = zlib.decompressobj(wbits=31)
            while True:
                yield engine.decompress(data, BLOCK)
                if engine.eof:
                    break
                data = engine.unconsumed_tail or file.read(BLOCK)
                if not data:
                    raise StopStream(f"{name} is cut short: the gzip data ends early")
            data = engine.unused_data or file.read(BLOCK)


def _zstd(opener: Opener, name: str) -> Iterator[bytes]:
    """Frame by frame. Input goes in small pieces, so that one piece of a bomb cannot fill the memory."""
    piece = 4096
    with opener() as file:
        data = file.read(piece)
        while data:
            engine = zstandard.ZstdDecompressor(max_window_size=1 << 27).decompressobj()
            while True:
                yield engine.decompress(data)
                if engine.eof:
                    break
                data = file.read(piece)
                if not data:
                    raise StopStream(f"{name} is cut short: the zstd data ends early")
            data = engine.unused_data or file.read(piece)


def _zip(opener: Opener, name: str, member: str | None) -> Iterator[bytes]:
    with _archive(opener, name) as archive:
        names = [info.filename for info in archive.infolist() if _is_data(info)]
        chosen = member if member is not None else (names[0] if len(names) == 1 else None)
        if chosen is None or chosen not in names:
            raise StopStream(f"{name} holds {len(names)} files: each is read by its name")
        if archive.getinfo(chosen).flag_bits & 0x1:
            raise StopStream(f"{name}/{chosen} is encrypted: unpack it first")
        try:
            with closing(archive.open(chosen)) as file:
                while block := file.read(BLOCK):
                    yield block
        except NotImplementedError as error:
            raise StopStream(f"{name}/{chosen} cannot be unpacked ({error}): make the archive again with deflate") from None


@contextmanager
def _archive(opener: Opener, name: str) -> Iterator[zipfile.ZipFile]:
    with opener() as file:
        try:
            archive = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, EOFError, OSError, ValueError):
            raise StopStream(f"{name} is damaged or cut short (zip): fetch or make it again") from None
        with archive:
            yield archive


def _is_data(info: zipfile.ZipInfo) -> bool:
    last = info.filename.rsplit("/", 1)[-1]
    link = stat.S_ISLNK(info.external_attr >> 16)
    return not (info.is_dir() or link or info.filename.startswith("__MACOSX/") or last in (".DS_Store", "Thumbs.db"))
