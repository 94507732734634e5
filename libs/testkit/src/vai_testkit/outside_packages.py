"""Packages that bring sources, installed for one test."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.source_types import source_types


@contextmanager
def registry_of(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The folder, whose packages the registry of sources finds."""
    folder.mkdir()
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(DltExtract, "SOURCES", dict(DltExtract.SOURCES))
    source_types.cache_clear()
    yield folder
    source_types.cache_clear()


def install(folder: Path, package: str, point: str, **modules: str) -> None:
    """A package with these modules, and with an entry point of `vai.sources`."""
    (folder / package).mkdir()
    for name, text in modules.items():
        (folder / package / f"{name}.py").write_text(text)
    told = folder / f"{package}-1.0.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package.replace('_', '-')}\nVersion: 1.0\n")
    (told / "entry_points.txt").write_text(f"[vai.sources]\n{point}\n")
