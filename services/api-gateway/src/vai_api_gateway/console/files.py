"""The files of a built console: its page, and what the page loads."""

import hashlib
from dataclasses import dataclass, field
from pathlib import Path

PAGE = "index.html"
FOLDER = "assets"
"""The folder of files whose names hold a digest of what is in them: they never change."""

_PACKED = {"br": ".br", "gzip": ".gz"}
"""What the build has compressed, the smallest first."""

_MEDIA = {
    ".js": "text/javascript; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".svg": "image/svg+xml",
    ".woff2": "font/woff2",
    ".json": "application/json",
    ".wasm": "application/wasm",
}


@dataclass
class WebFile:
    """One file, with its compressed forms by the name that `Accept-Encoding` has for each."""

    media: str
    tag: str
    body: bytes
    packed: dict[str, bytes] = field(default_factory=dict)


class Files:
    """What a folder holds now: a build that replaces it is noticed by its page, and no restart is needed.

    Files are found by the names that the folder lists, so no path leads out of it.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._seen: tuple[int, int] | None = None
        self._page = ""
        self._files: dict[str, WebFile] = {}

    def page(self) -> str | None:
        """The text of the page; None if nothing is built."""
        self._look()
        return self._page or None

    def web_file(self, name: str) -> WebFile | None:
        """By its path in that folder."""
        self._look()
        return self._files.get(name)

    def _look(self) -> None:
        try:
            page = (self._folder / PAGE).stat()
        except OSError:
            self._seen, self._page, self._files = None, "", {}
            return
        seen = (page.st_mtime_ns, page.st_ino)
        if seen != self._seen:
            self._read()
            self._seen = seen

    def _read(self) -> None:
        try:
            self._page = (self._folder / PAGE).read_text(encoding="utf-8")
            self._files = {
                file.relative_to(self._folder / FOLDER).as_posix(): _web_file(file)
                for file in sorted((self._folder / FOLDER).rglob("*"))
                if file.suffix in _MEDIA
            }
        except OSError:  # the build replaces the folder in this moment
            self._page, self._files = "", {}


def _web_file(file: Path) -> WebFile:
    body = file.read_bytes()
    packed = {}
    for name, ending in _PACKED.items():
        small = file.with_name(file.name + ending)
        if small.exists():
            packed[name] = small.read_bytes()
    tag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    return WebFile(_MEDIA[file.suffix], tag, body, packed)
