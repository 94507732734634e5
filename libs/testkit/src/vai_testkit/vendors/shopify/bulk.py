"""Bulk operations: one at a time, told by polling, whose result is a file of JSON lines with `__parentId`."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLObjectType,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    parse,
)
from graphql import validate as faults_of
from graphql.type import GraphQLList, GraphQLNonNull

from vai_common.clock import now
from vai_testkit.vendors.shopify.executing import SCHEMA, Asked, run
from vai_testkit.vendors.shopify.shop import Shop, gid, written

Json = dict[str, Any]

_MOST_CONNECTIONS: Final = 5
_DEEPEST: Final = 3
_REASONS: Final = {"TIMEOUT": "TIMEOUT", "ACCESS_DENIED": "ACCESS_DENIED"}
OVER: Final = ("COMPLETED", "FAILED", "CANCELED", "EXPIRED")


@dataclass
class Operation:
    """`fate` is the status in which it ends; `half` cuts its file in the middle, whatever it says of it."""

    number: int
    query: str
    lines: list[str]
    roots: int
    created: str
    fate: str = "COMPLETED"
    half: bool = False
    polls: int = 0
    status: str = "CREATED"

    @property
    def id(self) -> str:
        return gid("BulkOperation", self.number)

    @property
    def file(self) -> bytes:
        whole = "".join(f"{line}\n" for line in self.lines).encode()
        return whole[: len(whole) // 2] if self.half else whole


@dataclass
class Operations:
    """`polls` until one is over; `fates` are those of the next ones, in order: COMPLETED, FAILED,
    TIMEOUT, CANCELED, EXPIRED, half (of its file)."""

    shop: Shop
    denied: Json
    url: str = ""
    polls: int = 2
    fates: list[str] = field(default_factory=list)
    known: list[Operation] = field(default_factory=list)

    def start(self, query: str, groupObjects: bool = False) -> Json:  # noqa: N803 - the vendor's name
        if running := [one for one in self.known if one.status not in OVER]:
            message = "A bulk query operation for this app and shop is already in progress: "
            return _refusal(message + f"{running[0].id}.", "OPERATION_IN_PROGRESS")
        try:
            document = parse(query)
            _check(document)
            found = run(document, {}, Asked(self.shop, self.denied, everything=True))
        except GraphQLError as error:
            return _refusal(f"Invalid bulk query: {error.message}", "INVALID")
        data: Json = found.data or {}
        fate = self.fates.pop(0) if self.fates else "COMPLETED"
        if found.errors:
            fate, data = "ACCESS_DENIED", {}
        (operation,) = document.definitions
        assert isinstance(operation, OperationDefinitionNode)
        lines = [] if found.errors else list(_lines(data, operation.selection_set, SCHEMA.query_type, None))
        if not groupObjects:  # children come anywhere after their parents
            lines.sort(key=lambda line: "__parentId" in line)
        roots = sum("__parentId" not in line for line in lines)
        made = Operation(
            len(self.known) + 1, query, [json.dumps(line, ensure_ascii=False) for line in lines], roots, written(now())
        )
        made.fate, made.half = ("COMPLETED", True) if fate == "half" else (fate, False)
        self.known.append(made)
        return {"bulkOperation": self._told(made), "userErrors": []}

    def cancel(self, id: str) -> Json:
        found = self._of(id)
        if found is not None and found.status not in OVER:
            found.status = "CANCELED"
        return {"bulkOperation": found and self._told(found), "userErrors": []}

    def look(self, id: str) -> Json | None:
        """One poll: the operation comes a step further."""
        found = self._of(id)
        if found is None:
            return None
        found.polls += 1
        if found.status not in OVER:
            over = "FAILED" if found.fate in _REASONS else found.fate
            found.status = over if found.polls > self.polls else "RUNNING"
        return self._told(found)

    def current(self) -> Json | None:
        return self._told(self.known[-1]) if self.known else None

    def _of(self, id: str) -> Operation | None:
        return next((one for one in self.known if one.id == id), None)

    def _told(self, one: Operation) -> Json:
        link = f"{self.url}/bulk/{one.number}.jsonl?Signature=s{one.polls}%3D"
        is_complete, is_over = one.status == "COMPLETED", one.status in OVER
        size = len("".join(f"{line}\n" for line in one.lines).encode())
        return {
            "__typename": "BulkOperation",
            "id": one.id,
            "status": one.status,
            "errorCode": _REASONS.get(one.fate, "INTERNAL_SERVER_ERROR") if one.status == "FAILED" else None,
            "createdAt": one.created,
            "completedAt": one.created if is_complete else None,
            "query": one.query,
            "objectCount": str(len(one.lines) if is_over else len(one.lines) // 2),
            "rootObjectCount": str(one.roots),
            "fileSize": str(size) if is_complete and one.lines else None,
            "url": link if is_complete and one.lines else None,
            "partialDataUrl": link if one.status in ("FAILED", "CANCELED") and one.lines else None,
        }


def _refusal(message: str, code: str) -> Json:
    return {"bulkOperation": None, "userErrors": [{"field": ["query"], "message": message, "code": code}]}


def _check(document: DocumentNode) -> None:
    """Raises `GraphQLError` for a query that cannot be run in bulk."""
    if faults := faults_of(SCHEMA, document):
        raise faults[0]
    (operation,) = document.definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert SCHEMA.query_type is not None
    found = list(_connections(operation.selection_set, SCHEMA.query_type, 1, False))
    if not found:
        raise GraphQLError("Bulk queries must contain at least one connection")
    if len(found) > _MOST_CONNECTIONS or max(found) > _DEEPEST:
        raise GraphQLError("Bulk queries cannot contain more than 5 connections, nested deeper than two levels")


def _connections(
    selections: SelectionSetNode | None, parent: GraphQLObjectType, depth: int, in_list: bool
) -> Iterator[int]:
    for one in selections.selections if selections else ():
        if not isinstance(one, FieldNode) or one.name.value not in parent.fields:
            continue
        kind = parent.fields[one.name.value].type
        named = get_named_type(kind)
        if not isinstance(named, GraphQLObjectType):
            continue
        is_list = isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)
        is_own = one.name.value in ("edges", "nodes")
        if named.name.endswith("Connection"):
            if in_list:
                raise GraphQLError("Queries that contain a connection field within a list field are not supported.")
            yield depth
        deeper = depth + named.name.endswith("Connection")
        yield from _connections(one.selection_set, named, deeper, in_list or (is_list and not is_own))


def _lines(found: Json, selections: SelectionSetNode, kind: Any, parent: str | None) -> Iterator[Json]:
    """The nodes of the connections within an object, each followed by its own."""
    for one in selections.selections:
        if not isinstance(one, FieldNode):
            continue
        named = get_named_type(kind.fields[one.name.value].type)
        if not named.name.endswith("Connection"):
            continue
        inner, nodes = _nodes(one, found[one.alias.value if one.alias else one.name.value])
        node_kind = get_named_type(named.fields["nodes"].type)
        for node in nodes:
            own = {name: value for name, value in node.items() if not _is_connection(value)}
            yield own | ({"__parentId": parent} if parent else {})
            yield from _lines(node, inner, node_kind, node["id"])


def _nodes(one: FieldNode, page: Json) -> tuple[SelectionSetNode, list[Json]]:
    """What is asked of each node, and the nodes; a connection is asked for its edges or its nodes."""
    assert one.selection_set is not None
    for part in one.selection_set.selections:
        assert isinstance(part, FieldNode)
        if part.name.value == "nodes" and part.selection_set:
            return part.selection_set, page["nodes"]
        if part.name.value == "edges" and part.selection_set:
            (node,) = [inner for inner in part.selection_set.selections if isinstance(inner, FieldNode)]
            assert node.selection_set is not None
            return node.selection_set, [edge["node"] for edge in page["edges"]]
    raise GraphQLError("a connection needs edges or nodes")


def _is_connection(value: Any) -> bool:
    return isinstance(value, dict) and bool({"edges", "nodes"} & value.keys())
