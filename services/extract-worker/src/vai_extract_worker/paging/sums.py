"""Decides whether a number called `total` is an amount, such as a sum of invoices, and not a number of rows."""

import re
from enum import IntEnum
from typing import Any, Final

from vai_extract_worker.paging.row_leaves import Path, column, leaves
from vai_extract_worker.values.selection import plain, words

TOTALS_OF_AMOUNTS: Final = words("total sum grandtotal totalsum")
_OF_MONEY: Final = words("currency currencycode subtotal tax taxes vat discount shipping balance net gross totalamount")
_PARTS: Final = words("tax taxes vat shipping")
_MONEY: Final = words(
    "amount amounts price prices net gross cost costs fee fees total subtotal sum tax vat discount balance revenue "
    "payment betrag preis summe montant prix importe"
)
"""Words in the name of an amount's column. With one of the following words it is no amount:"""
_OF_NUMBERS: Final = words("count counts items rows records results quantity qty number id size pages page")
_LEAST: Final = 10
"""A sum counts only if it is at least this many times the number of rows: 6 may be 1 + 2 + 3 by chance."""
_MOST_ADDED: Final = 2_000
_MOST_COLUMNS: Final = 50
_ALMOST: Final = 0.005


class Sum(IntEnum):
    """How certain it is that a total does not count rows."""

    NO = 0
    LIKELY = 1
    CERTAIN = 2


def sum_of(number: int, beside: dict[str, Any], data: list[Any]) -> Sum:
    """Judge a total. `beside` is the object that has it.

    Words of money beside it make an amount likely, not certain: `currency` may also stand beside a number of hotels. It
    is certain if the total is the sum of values beside it, or of amounts of the rows that are not all equal.
    """
    money = {plain(key): _number(value) for key, value in beside.items() if isinstance(key, str)}
    if _is_made_of(number, money):
        return Sum.CERTAIN
    if columns := _adding_up(number, data):
        is_sure = number >= _LEAST * len(data) and any(
            len({str(one) for one in column(data, path)}) > 1 for path in columns
        )
        return Sum.CERTAIN if is_sure else Sum.LIKELY
    return Sum.LIKELY if money.keys() & _OF_MONEY else Sum.NO


def _is_made_of(number: int, money: dict[str, float | None]) -> bool:
    """Whether a subtotal and its additions (tax, shipping, …) add up to the total."""
    base = next((value for name in ("subtotal", "net") if (value := money.get(name)) is not None), None)
    if base is None:
        return False
    more = sum(money.get(name) or 0 for name in _PARTS) - (money.get("discount") or 0)
    return more != 0 and abs(base + more - number) < _ALMOST


def _adding_up(number: int, data: list[Any]) -> list[Path]:
    """The columns of amounts that add up to the total."""
    if not data or len(data) > _MOST_ADDED or not all(isinstance(row, dict) for row in data):
        return []
    places = [path for path, value in leaves(data[0]) if _number(value) is not None and _is_amount(path)]
    found = []
    for path in places[:_MOST_COLUMNS]:
        values = [0.0 if value is None else _number(value) for value in column(data, path)]
        told = [value for value in values if value is not None]
        if len(told) == len(values) and abs(sum(told) - number) < _ALMOST:
            found.append(path)
    return found


def _is_amount(path: Path) -> bool:
    parts = {part.lower() for name in path for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)}
    return bool(parts & _MONEY) and not parts & _OF_NUMBERS


def _number(value: Any) -> float | None:
    """A number, also if it is written as text, as money often is."""
    if isinstance(value, str) and re.fullmatch(r"-?\d{1,15}(?:\.\d{1,6})?", value, re.ASCII):
        return float(value)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
