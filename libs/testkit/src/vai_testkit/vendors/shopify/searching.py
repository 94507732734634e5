"""The vendor's search syntax, as far as extractions use it: `updated_at:>='…' AND (a:1 OR a:2)`."""

import re
from collections.abc import Mapping
from typing import Any, Final

Json = dict[str, Any]

_TERM: Final = re.compile(r"(\w+):(>=|<=|>|<)?('[^']*'|\"[^\"]*\"|[^\s()]+)")
_FIELDS: Final = {
    "updated_at": "updatedAt", "created_at": "createdAt", "action": "action", "subject_type": "subjectType", "id": "id",
    "financial_status": "displayFinancialStatus",
}  # fmt: skip


def matches(row: Mapping[str, Any], query: str | None) -> bool:
    """Whether a row is found. A field that the vendor does not know is left out, as the vendor does."""
    return all(_any(row, group) for group in re.split(r"\s+AND\s+", query or "") if group)


def _any(row: Mapping[str, Any], group: str) -> bool:
    """One term, several that must all fit, or some in parentheses of which one must."""
    text = group.strip()
    if text.startswith("(") and text.endswith(")"):
        return any(_any(row, one) for one in re.split(r"\s+OR\s+", text[1:-1]))
    return all(_fits(row, *term) for term in _TERM.findall(text))


def _fits(row: Mapping[str, Any], name: str, sign: str, value: str) -> bool:
    if name not in _FIELDS:
        return True
    found, wanted = str(row.get(_FIELDS[name]) or ""), value.strip("'\"")
    match sign:
        case ">=":
            return found >= wanted
        case "<=":
            return found <= wanted
        case ">":
            return found > wanted
        case "<":
            return found < wanted
    return found.lower() == wanted.lower()
