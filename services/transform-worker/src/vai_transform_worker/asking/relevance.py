"""Chooses the tables that a model sees for a question: those whose names and columns have words of it, within a size
limit.
"""

import re
from collections.abc import Sequence

from vai_transform_worker.asking.named_tables import Table

MOST_CHARACTERS = 24_000
MOST_COLUMNS = 100
_WORD = re.compile(r"[^\W_]+")
_LEAST_LETTERS = 3


def described(question: str, tables: Sequence[Table]) -> str:
    """A line for each table, the most relevant first, as many as fit."""
    asked = _words(question)
    ranked = sorted(tables, key=lambda each: -_score(each, asked))
    lines: list[str] = []
    size = 0
    for table in ranked:
        line = _line(table)
        size += len(line) + 1
        if lines and size > MOST_CHARACTERS:
            lines.append(f"(and {len(ranked) - len(lines)} tables that seem to have less to do with it)")
            break
        lines.append(line[:MOST_CHARACTERS])
    return "\n".join(lines)


def _line(table: Table) -> str:
    columns = [f"{each['name']} {each['type']}" for each in table.dataset.columns[:MOST_COLUMNS]]
    more = "" if len(table.dataset.columns) <= MOST_COLUMNS else ", …"
    rows = "" if table.dataset.row_count is None else f", {table.dataset.row_count} rows"
    parts = ".".join(f'"{part}"' for part in table.name.split("."))
    return f"{parts} ({', '.join(columns)}{more}){rows}"


def _score(table: Table, asked: set[str]) -> float:
    """Words in the name count more than words in columns. If tables are equal, gold comes before silver, and silver
    before bronze.
    """
    name = len(_words(table.name) & asked)
    columns = len({word for each in table.dataset.columns for word in _words(each["name"])} & asked)
    return 3 * name + columns + {"gold": 0.2, "silver": 0.1}.get(table.dataset.layer, 0.0)


def _words(text: str) -> set[str]:
    found = (word.lower() for word in _WORD.findall(text))
    return {word.removesuffix("s") for word in found if len(word) >= _LEAST_LETTERS}
