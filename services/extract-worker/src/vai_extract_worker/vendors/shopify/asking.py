"""Writes the queries: a page of a table, the rest of a connection, a whole table in bulk."""

from datetime import datetime

from vai_extract_worker.vendors.shopify.selections import Part
from vai_extract_worker.vendors.shopify.shop_tables import Shape

_PAGE_INFO = "pageInfo { hasNextPage endCursor }"


def search_of(shape: Shape, start: datetime | None, end: datetime | None) -> str:
    """The search text: from `start` up to, not including, `end`."""
    bounds = [(">=", start), ("<", end)] if shape.time else []
    terms = [f"{shape.time}:{sign}'{moment:%Y-%m-%dT%H:%M:%SZ}'" for sign, moment in bounds if moment is not None]
    return " AND ".join([shape.search] * bool(shape.search) + terms)


def page_query(shape: Shape, personal: bool) -> str:
    """The query for a page. Variables: `first`, `after`, `search`, and `within` if it has inner connections."""
    rows = _asked(shape, shape.parts(personal), "$within")
    inside = f"nodes {{ {_root_asked(shape, rows)} }} {_PAGE_INFO}"
    searched = [] if shape.time_at_child or not (shape.time or shape.search) else ["query: $search"]
    arguments = ["first: $first", "after: $after", *([shape.ordering] if shape.ordering else []), *searched]
    variables = ["$first: Int!", "$after: String"]
    variables += ["$search: String"] * ("$search" in inside + str(searched))
    variables += ["$within: Int!"] * ("$within" in inside)
    return f"query ({', '.join(variables)}) {{ {shape.root}({', '.join(arguments)}) {{ {inside} }} }}"


def rest_query(kind: str, connection: str, asked: str, searched: bool) -> str:
    """The query for the rest of a node's connection. Variables: `id`, `first`, `after`, and `search` if it is
    searched.
    """
    variables = "$id: ID!, $first: Int!, $after: String" + (", $search: String" if searched else "")
    arguments = "first: $first, after: $after" + (", query: $search" if searched else "")
    inside = f"{connection}({arguments}) {{ nodes {{ {asked} }} {_PAGE_INFO} }}"
    return f"query ({variables}) {{ node(id: $id) {{ ... on {kind} {{ {inside} }} }} }}"


def row_asked(shape: Shape, personal: bool) -> str:
    """The selection for a single row, with the first page of its inner connection."""
    return _asked(shape, shape.parts(personal), "$within")


def bulk_query(shape: Shape, personal: bool, search: str) -> str:
    """The query for all rows at once: connections without pages, whose rows become lines of their own."""
    rows = " ".join(part.text for part in shape.parts(personal))
    quoted = f'query: "{search}"' if search else ""
    if not shape.child:
        inside = rows
    elif shape.child_is_list:
        inside = f"{shape.parent} {shape.child} {{ {rows} }}"
    else:
        own = f"({quoted})" if shape.time_at_child and quoted else ""
        inside = f"{shape.parent} {shape.child}{own} {{ edges {{ node {{ {rows} }} }} }}"
    arguments = ", ".join(one for one in (shape.ordering, "" if shape.time_at_child else quoted) if one)
    return f"{{ {shape.root}{f'({arguments})' if arguments else ''} {{ edges {{ node {{ {inside} }} }} }} }}"


def _root_asked(shape: Shape, rows: str) -> str:
    if not shape.child:
        return f"... on {shape.kind} {{ {rows} }}"
    if shape.child_is_list:
        return f"{shape.parent} {shape.child} {{ {rows} }}"
    searched = ", query: $search" if shape.time_at_child else ""
    return f"{shape.parent} {shape.child}(first: $within{searched}) {{ nodes {{ {rows} }} {_PAGE_INFO} }}"


def _asked(shape: Shape, parts: tuple[Part, ...], within: str) -> str:
    text = " ".join(part.text for part in parts)
    if shape.inner:
        text += f" {shape.inner}(first: {within}) {{ nodes {{ {shape.inner_asked} }} {_PAGE_INFO} }}"
    return text
