"""Reads the definitions of claimed runs. Many runs have the same one, so short ones are kept when they were read."""

from functools import lru_cache
from typing import Final

from vai_common.db import load_json
from vai_records.definitions.base import Definition
from vai_records.definitions.reading import read

SHORT: Final = 4_000
"""Characters of a definition that is kept."""
_KEPT = 256


def read_text(model: type[Definition], definition: str) -> Definition:
    """The definition, which is JSON, as its kind's model; runs may share it, as it is frozen.

    Raises `Unreadable` that names the field and its value.
    """
    return _short(model, definition) if len(definition) <= SHORT else read(model, load_json(definition))


@lru_cache(_KEPT)
def _short(model: type[Definition], definition: str) -> Definition:
    return read(model, load_json(definition))
