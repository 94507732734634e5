"""How a model is shown what is data, and how long a text is for it."""

import json
from typing import Any

CHARACTERS_FOR_A_TOKEN = 3
"""An estimate that is too large rather than too small for most languages."""
MOST_RESULT = 20_000
"""Characters of one result that a model reads."""


def data(tool: str, value: Any, most: int = MOST_RESULT) -> str:
    """A value as a model reads it: marked as data, so that nothing in it can end the mark."""
    text = json.dumps(value, ensure_ascii=False, default=str).replace("<", "\\u003c")
    if len(text) > most:
        text = f"{text[:most]} … ({len(text) - most:,} more characters are left out)"
    return f'<data from="{tool}">\n{text}\n</data>'
