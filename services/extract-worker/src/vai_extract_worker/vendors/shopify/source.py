"""The source `shopify`: reads each slice page by page, or as one bulk operation if the slice is long and the table
large.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any, Final, TypeVar, cast

from vai_common.errors import ErrorCode, Permanent
from vai_extract_worker.paged_source import PagedSource, Rows, Slice
from vai_extract_worker.progress import Json
from vai_extract_worker.source import Means, PositionLost, TooLarge
from vai_extract_worker.vendors.shopify.admin import Admin, Stumbled, TooDear
from vai_extract_worker.vendors.shopify.asking import bulk_query, page_query, rest_query, row_asked, search_of
from vai_extract_worker.vendors.shopify.bulk import BulkOperation, TooLong
from vai_extract_worker.vendors.shopify.selections import number_of
from vai_extract_worker.vendors.shopify.shop_tables import SHAPES, Shape
from vai_records.definitions.dlt_extract import DltExtract
from vai_records.definitions.sources.shopify import VERSION
from vai_records.definitions.sources.shopify import Shopify as Definition

LARGEST_PAGE: Final = 250
LONG: Final = timedelta(days=7)
"""The shortest slice for which a bulk operation is used. A bulk operation takes long to start."""

_STUMBLES: Final = 4
_T = TypeVar("_T")


class Shopify(PagedSource):
    """One shop."""

    def __init__(self, definition: DltExtract, means: Means) -> None:
        super().__init__(definition, means)
        self._wants = cast(Definition, definition)
        if not self.base_url:
            said = self.config.get("shop")
            text = f"The shop {said!r:.100} is no name of a shop" if said else "The connection does not say which shop"
            text += ": set shop in its config to what stands before .myshopify.com."
            raise Permanent(ErrorCode.DATA_ERROR, text, {"field": "config.shop"})
        version = self._wants.api_version or str(self.config.get("api_version") or VERSION)
        self._admin = Admin(self.session, self.base_url, version, means.link, means.hidden)
        self._personal = self._wants.personal_data
        self._sizes: dict[str, tuple[int, int]] = {}

    def pages(self, part: Slice) -> Iterator[Rows | tuple[Rows, Json]]:
        shape = SHAPES[part.of.name]
        end = part.end or (part.until if self._tracks(part) else None)
        search = search_of(shape, part.start, end)
        if part.start is None and end is None:
            shape = shape.by_id()
        if part.position is None and self._is_for_bulk(shape, part):
            try:
                yield from self._bulk(shape, search, part)
            except TooLong as error:
                if part.start is not None:
                    raise TooLarge(str(error)) from error
                text = f"{error}: it took too long. {part.name} is read page by page; a start_date makes slices."
                self.means.link.log("bulk_too_long", text, {"resource": part.name}, "warning")
            else:
                return
        yield from self._paged(shape, search, part)

    def _tracks(self, part: Slice) -> bool:
        """Whether a later run goes on from here and brings rows that are updated in the meantime. If not, no row may be
        left out.
        """
        return self._wants.incremental is True and part.resource.write_disposition != "replace"

    def _is_for_bulk(self, shape: Shape, part: Slice) -> bool:
        if not shape.in_bulk or self._wants.bulk == "never" or self._wants.limit_rows is not None:
            return False
        if self._wants.bulk == "always":
            return True
        end = part.end or part.until
        is_long = part.start is None or end is None or end - part.start >= LONG
        return is_long and part.of.size in ("L", "XL") and self._is_first_load(part.name)

    def _is_first_load(self, name: str) -> bool:
        """Whether it is a first extraction, a backfill or a full one. Rows after a cursor are few, however old the
        cursor is.
        """
        is_new = name not in self.means.cursors or self._wants.end_date is not None
        return is_new or self._wants.incremental is False

    # Page by page ----------------------------------------------------------------------------------------------------

    def _paged(self, shape: Shape, search: str, part: Slice) -> Iterator[tuple[Rows, Json]]:
        after, query = (part.position or {}).get("after"), page_query(shape, self._personal)
        while True:
            try:
                page = self._sized(part.name, shape, self._page_of(query, shape, search, after))
            except Permanent as error:
                if part.position and after == part.position["after"] and "cursor" in _said(error):
                    text = f"Shopify does not know the place in {part.name} any more."
                    raise PositionLost(text, error.details) from error
                raise
            info = page["pageInfo"]
            if info["hasNextPage"] and not info["endCursor"]:
                text = f"Shopify says that {part.name} has more pages, and not where. Ask its support."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": part.name})
            rows = [row for node in page["nodes"] if node for row in self._rows(shape, node, search)]
            if rows or info["hasNextPage"]:  # a last page is empty where its rows have left the search meanwhile
                after = info["endCursor"] or after
                yield rows, {"after": after}
            if not info["hasNextPage"]:
                return

    def _page_of(self, query: str, shape: Shape, search: str, after: str | None) -> Callable[[int, int], Json]:
        def ask(first: int, within: int) -> Json:
            given: Json = {"first": first, "after": after}
            if "$search" in query:
                given["search"] = search
            if "$within" in query:
                given["within"] = within
            found: Json = self._admin.ask(query, **given)[shape.root]
            return found

        return ask

    def _rows(self, shape: Shape, node: Json, search: str) -> Iterator[Json]:
        """The rows of one node: the node itself, or its children together with the parent's fields."""
        if not shape.child:
            if node.get("id"):
                yield self._row(shape, node, {})
            return
        parent = _of_parent(shape, node)
        found = node[shape.child]
        children = found if shape.child_is_list else [*found["nodes"], *self._left(shape, node, search)]
        for child in children:
            yield self._row(shape, child, parent)

    def _left(self, shape: Shape, node: Json, search: str) -> Iterator[Json]:
        """The children that were not on the first page that came with their parent."""
        info = node[shape.child]["pageInfo"]
        asked = row_asked(shape, self._personal)
        yield from self._rest(shape.parent_kind, node["id"], shape.child, asked, info, shape.time_at_child and search)

    def _row(self, shape: Shape, node: Json, parent: Json) -> Json:
        if shape.inner:
            inner = node[shape.inner]
            left = self._rest(shape.kind, node["id"], shape.inner, shape.inner_asked, inner["pageInfo"], False)
            node = {**node, shape.inner: [*inner["nodes"], *left]}
        return shape.columns(self._personal).of(node) | parent

    def _rest(self, kind: str, id: str, connection: str, asked: str, info: Json, search: str | bool) -> Iterator[Json]:
        query = rest_query(kind, connection, asked, bool(search))
        while info["hasNextPage"]:
            given: Json = {"id": id, "after": info["endCursor"]} | ({"search": search} if search else {})

            def ask(first: int, within: int, given: Json = given) -> Any:
                return self._admin.ask(query, first=first, **given)["node"]

            node = self._sized(f"{kind}.{connection}", None, ask)
            if not node:
                text = f"{id} was deleted while its {connection} were read: what came of them before is kept."
                self.means.link.log("parent_deleted", text, {"id": id}, "warning")
                return
            page = node[connection]
            yield from page["nodes"]
            if page["pageInfo"]["hasNextPage"] and page["pageInfo"]["endCursor"] == info["endCursor"]:
                text = f"Shopify gives the same page of {connection} of {id} again and again. Ask its support."
                raise Permanent(ErrorCode.DATA_ERROR, text, {"id": id})
            info = page["pageInfo"]

    def _sized(self, name: str, shape: Shape | None, ask: Callable[[int, int], _T]) -> _T:
        """An answer, with as many rows at a time as the query cost permits and the vendor can handle."""
        first, within = self._sizes.get(name) or ((shape.first, shape.within) if shape else (LARGEST_PAGE, 1))
        stumbles = 0
        while True:
            try:
                found = ask(first, within)
                self._sizes[name] = (first, within)
                return found
            except TooDear as error:
                if (first, within) == (1, 1):
                    text = f"A single row of {name} costs more than Shopify permits: {error}. Set personal_data: false."
                    raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": name}) from error
                first, within = _smaller(first, within, error.share)
            except Stumbled as error:
                stumbles += 1
                if stumbles >= _STUMBLES:
                    raise error.error from error
                first, within = _smaller(first, within, 0.5)

    # In bulk ---------------------------------------------------------------------------------------------------------

    def _bulk(self, shape: Shape, search: str, part: Slice) -> Iterator[Rows]:
        operation = BulkOperation(self._admin, self.means.policy, self.means.link, part.name)
        in_lines = bool(shape.child) and not shape.child_is_list
        parent: Json = {}
        counted = sent = 0
        for batch in operation.lines(bulk_query(shape, self._personal, search), not shape.child_is_list):
            rows: Rows = []
            for line in batch:
                if in_lines and "__parentId" in line:
                    if line["__parentId"] != parent.get("id"):
                        text = f"The bulk file of {part.name} is not grouped by its parents. Set bulk: never."
                        raise Permanent(ErrorCode.DATA_ERROR, text, {"resource": part.name})
                    rows.append(shape.columns(self._personal).of(line) | _of_parent(shape, parent))
                elif in_lines:
                    parent = line
                else:
                    rows += self._rows(shape, line, search)
            self.session.received += operation.received - counted
            self.session.sent_beside += operation.sent - sent
            counted, sent = operation.received, operation.sent
            yield rows


def _said(error: Permanent) -> str:
    return str(error.details.get("shopifyError", "")).lower()


def _of_parent(shape: Shape, node: Json) -> Json:
    """The columns that a row gets from its parent: order_id, order_updated_at."""
    if not shape.on:
        return {}
    return {column: number_of(node.get(field)) for field, column in shape.parent_columns.items()}


def _smaller(first: int, within: int, share: float) -> tuple[int, int]:
    """Fewer rows at a time. If it is one row already, fewer of its inner rows."""
    if first > 1:
        return max(1, min(first - 1, int(first * share))), within
    return 1, max(1, min(within - 1, int(within * share)))
