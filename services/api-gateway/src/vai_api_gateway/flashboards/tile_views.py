"""What a page shows of a tile, bounded: numbers as text, drawings, some rows of a table, Markdown as HTML."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from markdown_it import MarkdownIt
from markupsafe import Markup

from vai_api_gateway.flashboards.number_words import NOTHING, compared, is_number, written
from vai_records.flashboards.tiles import placed
from vai_records.flashboards.versions import Shown, Tile

Json = dict[str, Any]

MOST_ROWS: Final = 200
MOST_COLUMNS: Final = 50
MOST_CELLS: Final = 60_000
"""Of all tables of a page; those at its end get fewer rows."""

LONGEST_CELL: Final = 300
_LONGEST_NOTE = 500
_LEAST_ROWS = 10

_MARKDOWN = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
_MARKDOWN.disable("image")
_WITHOUT_TABLES = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable("strikethrough").disable("image")
MOST_CELLS_OF_A_TEXT: Final = 5_000
"""A text with a larger table shows it as it is written: short rows are filled up to the columns of the first one."""

MOST_CHARACTERS_OF_TEXTS: Final = 100_000
"""Of all texts of a page that are drawn. One that is too long for what is left of them is shown as it is written."""

_AS_WRITTEN: Final = (
    f"shown as it is written: the texts of a page are drawn up to {MOST_CHARACTERS_OF_TEXTS:,} characters"
)

_SAFE_LINKS = ("https://", "http://", "mailto:", "#", "/")


def views(version: Shown) -> list[Json]:
    """The tiles in their order, each with its width."""
    tiles = {tile.definition["key"]: tile for tile in version.tiles}
    definitions, left, found = version.definition["tiles"], MOST_CELLS, []
    letters = MOST_CHARACTERS_OF_TEXTS
    for position, width in placed(definitions, version.definition.get("layout", [])):
        tile = tiles.get(definitions[position]["key"])
        if tile is None:
            continue
        view = view_of(tile, left, letters)
        letters -= 0 if view.get("told") else len(tile.definition.get("text", ""))
        left -= len(view.get("rows", ())) * len(view.get("columns", ()))
        found.append(view | {"width": width})
    return found


def view_of(tile: Tile, cells: int = MOST_CELLS, letters: int = MOST_CHARACTERS_OF_TEXTS) -> Json:
    said = tile.definition
    base: Json = {name: said.get(name) for name in ("key", "type", "title", "note")}
    base["title"] = base["title"] or (said.get("question") or "")[:200]
    if said.get("question") and not base["note"] and tile.found.get("explanation"):
        base["note"] = f"{tile.found['explanation'][:_LONGEST_NOTE]} (a query by {tile.found['model']})"
    base |= {"empty": False, "told": None, "comparison": None}
    if said["type"] == "text":
        if len(said["text"]) > letters:
            return base | {"html": Markup('<pre class="written">{}</pre>').format(said["text"]), "told": _AS_WRITTEN}
        return base | {"html": markdown(said["text"])}
    base |= {"empty": not tile.rows, "told": _told(tile.found)}
    if said["type"] == "number":
        return base | _number(tile)
    if said["type"] == "chart":
        drawings = {name: Markup(svg) for name, svg in tile.drawings.items()}
        return base | {"drawings": drawings}
    return base | _table(tile, cells)


def markdown(text: str) -> Markup:
    """The text as HTML, without HTML of its own and without images; links lead to web pages and mail only."""
    reader = _MARKDOWN if _cells_in(text) <= MOST_CELLS_OF_A_TEXT else _WITHOUT_TABLES
    tokens = reader.parse(text)
    for token in tokens:
        for each in token.children or ():
            if each.type == "link_open":
                target = str(each.attrGet("href") or "")
                each.attrs = {"href": target if target.startswith(_SAFE_LINKS) else "#", "rel": "noopener noreferrer"}
    return Markup(reader.renderer.render(tokens, reader.options, {}))


def _cells_in(text: str) -> int:
    """Of tables that its paragraphs may be: at least as many as are drawn."""
    cells = 0
    for paragraph in re.split(r"\n[ \t]*\n", text) if "|" in text else ():
        lines = paragraph.splitlines()
        cells += len(lines) * (max(line.count("|") for line in lines) + 1) if "|" in paragraph else 0
    return cells


def _number(tile: Tile) -> Json:
    columns = {each["name"]: each for each in tile.found["columns"]}
    said, names = tile.definition, list(columns)
    row = tile.rows[0] if tile.rows else {}
    name = said.get("value") or names[0]
    others = [each for each in names if each != name]
    before = said.get("compare") or (others[0] if others else None)
    for wanted in (name, before):
        if wanted is not None and wanted not in columns:
            return {"value": NOTHING, "told": f"there is no column {wanted!r}; there are: {', '.join(names)[:300]}"}
    shown = {**said, "is_alone": True}
    value = written(row.get(name), columns[name], shown)
    if before is None:
        return {"value": value, "comparison": None}
    text = written(row.get(before), columns[before], shown)
    return {"value": value, "comparison": compared(row.get(name), row.get(before), said, text)}


def _table(tile: Tile, cells: int) -> Json:
    there = {each["name"]: each for each in tile.found["columns"]}
    chosen = _chosen(tile.definition.get("columns") or [{"name": name} for name in there], there)
    columns = chosen[:MOST_COLUMNS]
    most = max(_LEAST_ROWS, min(MOST_ROWS, cells // max(1, len(columns))))
    rows = [[_cell(row.get(each["name"]), there[each["name"]], each) for each in columns] for row in tile.rows[:most]]
    heads = [
        {"title": each.get("title") or each["name"], "is_number": is_number(there[each["name"]]["type"])}
        for each in columns
    ]
    notes = []
    if len(tile.rows) > most:
        notes.append(f"the first {most:,} of {len(tile.rows):,} rows are shown here; the CSV file has all of these")
    if len(chosen) > len(columns):
        notes.append(f"the first {len(columns)} of {len(chosen)} columns are shown here; the CSV file has all")
    told = _told(tile.found)
    return {"columns": heads, "rows": rows, "told": "; ".join([*([told] if told else []), *notes]) or None}


def _chosen(named: Sequence[Mapping[str, Any]], there: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [each for each in named if each["name"] in there]


def _cell(value: Any, column: Mapping[str, str], shown: Mapping[str, Any]) -> Json:
    text = written(value, column, shown)
    title = f"{text} UTC" if column["type"] == "TIMESTAMP WITH TIME ZONE" else None
    if len(text) > LONGEST_CELL:
        text, title = f"{text[:LONGEST_CELL]}…", None
    return {"text": text, "title": title, "is_number": is_number(column["type"])}


def _told(found: Mapping[str, Any]) -> str | None:
    """That rows were left out when they were read."""
    kept, total = found.get("row_count", 0), found.get("total_rows", 0)
    return f"{kept:,} of {total:,} rows are kept" if found.get("truncated") and kept > 1 else None
