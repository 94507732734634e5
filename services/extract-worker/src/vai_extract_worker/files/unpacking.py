"""A file's text, decompressed and decoded, as UTF-8. No more of it is in memory than was asked for."""

import codecs
import gzip
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import PurePosixPath
from typing import BinaryIO, cast

import pyarrow as pa

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.files.folders import Found, Shelf

PACKED = (".gz", ".zst", ".zip")
_BLOCK = 4 * 1024 * 1024
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF32_LE, "utf-32"), (codecs.BOM_UTF32_BE, "utf-32"),
         (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))  # fmt: skip


def suffix_of(path: str) -> str:
    """The suffix that tells the format, in lower case: `.csv` of `a.CSV.gz`."""
    name = PurePosixPath(path.lower())
    return PurePosixPath(name.stem).suffix if name.suffix in PACKED else name.suffix


@contextmanager
def unpacked(shelf: Shelf, file: Found) -> Iterator[BinaryIO]:
    """The file's bytes. For a `.zip`, the bytes of the one file in it. Raises `Permanent` if it has several files."""
    with ExitStack() as opened:
        stream = opened.enter_context(shelf.open(file))
        packed = PurePosixPath(file.path.lower()).suffix
        if packed == ".gz" and file.size:
            stream = cast(BinaryIO, opened.enter_context(gzip.open(stream)))
        elif packed == ".zst" and file.size:
            stream = cast(BinaryIO, opened.enter_context(pa.CompressedInputStream(pa.PythonFile(stream, "r"), "zstd")))
        elif packed == ".zip":
            stream = cast(BinaryIO, opened.enter_context(_only_member(stream, file.path)))
        yield stream


def _only_member(stream: BinaryIO, path: str) -> zipfile.ZipExtFile:
    archive = zipfile.ZipFile(stream)
    names = [name for name in archive.namelist() if not name.endswith("/") and not name.startswith("__MACOSX/")]
    if len(names) != 1:
        text = f"{path} holds {len(names)} files; only a zip file with one file can be read. Unpack it."
        raise Permanent(ErrorCode.DATA_ERROR, text, {"file": path})
    return cast(zipfile.ZipExtFile, archive.open(names[0]))


class Text:
    """A stream as UTF-8 without its byte-order mark. Offsets are bytes of that UTF-8."""

    def __init__(self, stream: BinaryIO, encoding: str | None, path: str) -> None:
        self._stream = stream
        self._path = path
        start = stream.read(4)
        found = next(((bom, name) for bom, name in _BOMS if start.startswith(bom)), None)
        self.encoding = encoding or (found[1] if found else "utf-8")
        if self.encoding in ("utf-8", "utf-8-sig", "ascii"):
            self._ahead = start.removeprefix(codecs.BOM_UTF8)
            self._decoder = None
        else:
            self._ahead = b""
            self._decoder = codecs.getincrementaldecoder(self.encoding)()
            self._decoded_lines = 1
            self._ahead = self._decode(start)

    def read(self, size: int) -> bytes:
        """At least one byte and at most about `size` bytes; nothing at the end. Raises `Permanent` for bytes that are
        not text.
        """
        if self._ahead:
            ahead, self._ahead = self._ahead[:size], self._ahead[size:]
            return ahead
        if self._decoder is None:
            return self._stream.read(size)
        while data := self._stream.read(size):
            if text := self._decode(data):
                return text
        return self._decode(b"", final=True)

    def unread(self, data: bytes) -> None:
        """Give back what was read, to be read again."""
        self._ahead = data + self._ahead

    def skip(self, offset: int) -> None:
        """Skip to an offset. Only before anything was read."""
        if self._decoder is None and len(self._ahead) <= offset and self._seekable():
            self._stream.seek(self._stream.tell() + offset - len(self._ahead))
            self._ahead = b""
            return
        while offset > 0:
            data = self.read(min(offset, _BLOCK))
            if not data:
                return
            self.unread(data[offset:])
            offset -= len(data)

    def _seekable(self) -> bool:
        return not self._path.lower().endswith(PACKED)

    def _decode(self, data: bytes, final: bool = False) -> bytes:
        decoder = cast(codecs.IncrementalDecoder, self._decoder)
        try:
            text = decoder.decode(data, final)
        except UnicodeError as error:
            line = self._decoded_lines + data[: getattr(error, "start", 0)].count(b"\n")
            raise not_text(self._path, line, self.encoding) from None
        self._decoded_lines += text.count("\n")
        return text.encode("utf-8", "surrogatepass")


def not_text(path: str, line: int, encoding: str) -> Permanent:
    """The error for bytes that are no character of the encoding."""
    text = f"{path} is no {encoding} text in line {line}; set encoding to the one that it has, such as cp1252."
    return Permanent(ErrorCode.DATA_ERROR, text, {"file": path, "line": line, "field": "encoding"})
