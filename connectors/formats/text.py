"""Bytes -> UTF-8 text: which encoding it is, whether all of it is valid, and a UTF-8 copy when it is another one."""

from __future__ import annotations

import codecs
import os
import re
import tempfile
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pyarrow as pa

from connectors.contract import StopStream
from connectors.formats.options import Opener, Text

BLOCK = 1 << 20
STRETCH = 16 << 20
"""Bytes that one thread checks at a time."""
THREADS = 4
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
NOT_IN_1252 = re.compile(rb"[\x81\x8d\x8f\x90\x9d]")


_HIGH = re.compile("[^\x00-\x7f]")
_NOT_UTF8 = re.compile("[\udc80-\udcff]")


def text_encoding(name: str) -> str:
    """Python's own name of a text encoding; ValueError for one that does not exist or does not make text (hex, rot13)."""
    try:
        codecs.getincrementaldecoder(name)("strict").decode("a,b\n".encode(name))
        return codecs.lookup(name).name
    except (LookupError, ValueError):  # UnicodeError is a ValueError
        raise ValueError(f"there is no text encoding named {name!r}: use utf-8, utf-16, windows-1252 or another") from None


def by_bom(head: bytes) -> tuple[str, int] | None:
    """The encoding that a byte order mark tells and the mark's length."""
    return next(((encoding, len(bom)) for bom, encoding in BOMS if head.startswith(bom)), None)


def guess(head: bytes) -> tuple[str, int]:
    """Encoding and bytes to skip, from the beginning of a file alone."""
    if told := by_bom(head):
        return told
    pairs = len(head) // 2
    if pairs >= 4:
        if head[1 : pairs * 2 : 2].count(0) > pairs * 0.6 and head[0 : pairs * 2 : 2].count(0) == 0:
            return "utf-16-le", 0
        if head[0 : pairs * 2 : 2].count(0) > pairs * 0.6 and head[1 : pairs * 2 : 2].count(0) == 0:
            return "utf-16-be", 0
    return "utf-8", 0


def prepare(text: Text, wanted: str | None, scratch: Path) -> Path | None:
    """Fill in ``text``'s encoding, start, and has_nul, by a scan of the whole file; the path of the UTF-8 copy if one was made.

    An encoding that was asked for or that a mark tells is binding: a bad byte raises StopStream with its line; so does one in a
    file that is UTF-8 otherwise. A file whose other characters are hardly ever UTF-8 is read as Windows-1252 (or Latin-1 if that
    has no such byte), with a warning in the log.
    """
    with text.open() as file:
        head = file.read(4096)
    mark = by_bom(head)
    encoding, skip = _asked(wanted, mark, text.name) if wanted else guess(head)
    text.start = skip
    if encoding == "utf-8":
        bad = _scan(text)
        if bad is None:
            return None
        if wanted or mark:
            raise StopStream(f"{text.name}:{_line_at(text.open, bad)}: a byte that is not UTF-8: set the option encoding")
        line = _line_at(text.open, bad)
        if _is_mostly_utf8(text):
            raise StopStream(
                f"{text.name}:{line}: a byte that is not UTF-8, in a file that is UTF-8 otherwise: repair the line,"
                " or set the option encoding (windows-1252) if the whole file is written so"
            )
        encoding = "latin-1" if _has(text.open, NOT_IN_1252) else "windows-1252"
        text.log.warning("%s is not UTF-8 (line %d): read as %s; set the option encoding", text.name, line, encoding)
    text.encoding = encoding
    made = _transcode(text, encoding, scratch)
    text.open, text.start, text.size = (lambda: made.open("rb", buffering=0)), 0, made.stat().st_size
    _scan(text)
    return made


def _asked(wanted: str, mark: tuple[str, int] | None, name: str) -> tuple[str, int]:
    try:
        encoding = text_encoding(wanted)
    except ValueError as error:
        raise StopStream(f"{name}: {error}") from None
    if mark and mark[0].startswith(encoding.removesuffix("-sig")):
        return mark
    return {"utf-8-sig": "utf-8", "utf-16": "utf-16-le", "utf-32": "utf-32-le"}.get(encoding, encoding), 0


def _scan(text: Text) -> int | None:
    """The offset of the first byte that is not UTF-8, None when all is well; notes NULs on the way.

    Stretches of the file are read at once by a few threads: nothing else can begin before this has ended.
    """
    edges = [text.start, *(_edge(text, at) for at in range(text.start + STRETCH, text.size, STRETCH)), text.size]
    with ThreadPoolExecutor(THREADS, "scan") as threads:
        found = threads.map(lambda pair: _scan_stretch(text, *pair), pairwise(edges))
        return next((bad for bad in found if bad is not None), None)


def _edge(text: Text, offset: int) -> int:
    """The end of the character before ``offset``; ``offset`` itself where no character goes over it."""
    with text.open() as file:
        file.seek(offset - 3)
        return offset - 3 + _whole(file.read(3))


def _scan_stretch(text: Text, start: int, end: int) -> int | None:
    offset, rest = start, b""
    with text.open() as file:
        file.seek(start)
        while block := file.read(min(BLOCK, end - offset - len(rest))):
            data = rest + block if rest else block
            text.has_nul = text.has_nul or 0 in block
            whole = _whole(data)
            if not _valid(data[:whole] if whole < len(data) else data):
                return offset + _first_bad(data)
            offset += whole
            rest = data[whole:]
    return offset if rest else None


def _whole(data: bytes) -> int:
    """How many bytes end on a character's end: a lead byte in the last three may wait for more."""
    for back in range(1, min(4, len(data) + 1)):
        byte = data[-back]
        if byte >= 0xC0:
            need = 2 if byte < 0xE0 else 3 if byte < 0xF0 else 4
            return len(data) - back if back < need else len(data)
        if byte < 0x80:
            break
    return len(data)


def _valid(data: bytes) -> bool:
    """UTF-8 validation by Arrow's vector code, without a copy; several times faster than ``bytes.decode``."""
    offsets = pa.py_buffer((0).to_bytes(4, "little") + len(data).to_bytes(4, "little"))
    try:
        pa.Array.from_buffers(pa.binary(), 1, [None, offsets, pa.py_buffer(data)]).cast(pa.string())
    except pa.ArrowInvalid:
        return False
    return True


def _first_bad(data: bytes) -> int:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.start
    return 0


def _is_mostly_utf8(text: Text) -> bool:
    """Whether at least a tenth of the characters beyond ASCII are UTF-8. In a Windows-1252 file few pairs look so by chance."""
    high = bad = 0
    decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")
    with text.open() as file:
        file.seek(text.start)
        while block := file.read(BLOCK):
            piece = decoder.decode(block)
            if not piece.isascii():
                high += sum(1 for _ in _HIGH.finditer(piece))
                bad += sum(1 for _ in _NOT_UTF8.finditer(piece))
    return (high - bad) * 10 >= high


def _line_at(opener: Opener, offset: int) -> int:
    """The physical line, from 1, of the byte at ``offset``."""
    line = 1
    with opener() as file:
        while offset > 0 and (block := file.read(min(BLOCK, offset))):
            line += block.count(b"\n")
            offset -= len(block)
    return line


def _has(opener: Opener, pattern: re.Pattern[bytes]) -> bool:
    with opener() as file:
        while block := file.read(BLOCK):
            if pattern.search(block):
                return True
    return False


def _transcode(text: Text, encoding: str, scratch: Path) -> Path:
    descriptor, made = tempfile.mkstemp(prefix="utf8-", dir=scratch)
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line = 1
    try:
        with os.fdopen(descriptor, "wb") as target, text.open() as file:
            file.seek(text.start)
            while block := file.read(BLOCK):
                piece = decoder.decode(block).encode("utf-8")
                line += piece.count(b"\n")
                target.write(piece)
            target.write(decoder.decode(b"", final=True).encode("utf-8"))
    except UnicodeError as error:
        os.unlink(made)
        found = getattr(error, "object", b"")[: getattr(error, "start", 0)]
        line += found.decode(encoding, "ignore").count("\n") if isinstance(found, bytes) else 0
        raise StopStream(f"{text.name}:{line}: a byte that is not {encoding}: set the option encoding") from None
    except BaseException:
        os.unlink(made)
        raise
    return Path(made)
