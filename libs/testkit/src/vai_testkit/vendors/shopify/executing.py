"""Runs GraphQL over a shop: connections with cursors, what a query costs, what the app may not read."""

import base64
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from graphql import (
    DocumentNode,
    ExecutionResult,
    FieldNode,
    FragmentSpreadNode,
    GraphQLError,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    OperationDefinitionNode,
    SelectionSetNode,
    VariableNode,
    build_schema,
    execute_sync,
    get_named_type,
    is_leaf_type,
)

from vai_testkit.vendors.shopify.schema import SDL
from vai_testkit.vendors.shopify.searching import matches
from vai_testkit.vendors.shopify.shop import Shop

Json = dict[str, Any]

LARGEST_PAGE: Final = 250
_SORTED: Final = {"UPDATED_AT": "updatedAt", "CREATED_AT": "createdAt", "PROCESSED_AT": "processedAt", "NAME": "name"}


@dataclass
class Asked:
    """One query: `everything` is how a bulk operation reads, without pages. `extra` resolves root fields of its own."""

    shop: Shop
    denied: Mapping[str, str]
    everything: bool = False
    extra: Mapping[str, Callable[..., Any]] = field(default_factory=dict)


def run(document: DocumentNode, variables: Json, asked: Asked) -> ExecutionResult:
    found = execute_sync(SCHEMA, document, variable_values=variables, context_value=asked, field_resolver=_plain)
    assert isinstance(found, ExecutionResult)
    return found


def cost_of(document: DocumentNode, variables: Json) -> int:
    """1 for an object, 2 for a connection and the whole node as often as it may come; leaves cost nothing."""
    (operation,) = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    root = SCHEMA.mutation_type if operation.operation.value == "mutation" else SCHEMA.query_type
    assert root is not None
    base = 10 if root is SCHEMA.mutation_type else 0
    return base + _cost(operation.selection_set, root, variables)


def _cost(selections: SelectionSetNode | None, parent: GraphQLNamedType, variables: Json) -> int:
    total = 0
    for one in selections.selections if selections else ():
        if isinstance(one, FragmentSpreadNode):
            continue
        if isinstance(one, InlineFragmentNode):
            kind = SCHEMA.get_type(one.type_condition.name.value) if one.type_condition else parent
            total += _cost(one.selection_set, kind or parent, variables)
            continue
        assert isinstance(one, FieldNode)
        known = parent.fields.get(one.name.value) if hasattr(parent, "fields") else None
        kind = get_named_type(known.type) if known else None
        if kind is None or is_leaf_type(kind):
            continue
        inner = _cost(one.selection_set, kind, variables)
        is_connection = kind.name.endswith("Connection")
        total += 2 + _count(one, variables) * inner if is_connection else 1 + inner
    return total


def _count(node: FieldNode, variables: Json) -> int:
    for argument in node.arguments or ():
        if argument.name.value in ("first", "last"):
            if isinstance(argument.value, IntValueNode):
                return int(argument.value.value)
            if isinstance(argument.value, VariableNode):
                return int(variables.get(argument.value.name.value) or 0)
    return 1


# Resolving -----------------------------------------------------------------------------------------------------------


def _plain(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Any:
    asked: Asked = info.context
    _permit(asked, f"{info.parent_type.name}.{info.field_name}", info.field_name)
    if source is None and info.field_name in asked.extra:
        return asked.extra[info.field_name](**arguments)
    if source is None:
        return _root(asked, info.field_name, arguments)
    found = source.get(info.field_name)
    if info.field_name == "quantities":
        return [one for one in found if one["name"] in arguments["names"]]
    first = arguments.get("first")
    return found[:first] if isinstance(found, list) and first is not None else found


def _root(asked: Asked, name: str, arguments: Json) -> Any:
    if name == "shop":
        shop = asked.shop
        return {
            "id": "gid://shopify/Shop/1",
            "name": shop.name,
            "myshopifyDomain": shop.domain,
            "currencyCode": "EUR",
            "email": "owner@example.com",
        }
    return asked.shop.found(arguments["id"]) if name in ("node", "order") else None


def _connection(source: Any, info: GraphQLResolveInfo[Any], **arguments: Any) -> Json:
    asked: Asked = info.context
    _permit(asked, f"{info.parent_type.name}.{info.field_name}", info.field_name)
    rows = asked.shop.rows.get(info.field_name, []) if source is None else source[info.field_name]
    if info.field_name == "locations" and not arguments.get("includeInactive"):
        rows = [row for row in rows if row["isActive"]]
    rows = [row for row in rows if matches(row, arguments.get("query"))]
    by = _SORTED.get(str(arguments.get("sortKey")))
    rows = sorted(rows, key=lambda row: _key(row, by), reverse=bool(arguments.get("reverse")))
    if asked.everything:
        return _as_page(rows, by, False)
    first = arguments.get("first")
    if first is None:
        raise GraphQLError("you must provide one of first or last", extensions={"code": "argumentNotAccepted"})
    if not 0 <= first <= LARGEST_PAGE:
        raise GraphQLError(f"first cannot exceed {LARGEST_PAGE}", extensions={"code": "BAD_REQUEST"})
    if after := arguments.get("after"):
        last = _read(after)
        rows = [row for row in rows if _key(row, by) > last]
    return _as_page(rows[:first], by, len(rows) > first)


def _as_page(rows: list[Json], by: str | None, has_more: bool) -> Json:
    cursors = [_cursor(_key(row, by)) for row in rows]
    info = {
        "hasNextPage": has_more,
        "hasPreviousPage": False,
        "startCursor": cursors[0] if cursors else None,
        "endCursor": cursors[-1] if cursors else None,
    }
    edges = [{"cursor": cursor, "node": row} for cursor, row in zip(cursors, rows, strict=True)]
    return {"edges": edges, "nodes": rows, "pageInfo": info}


def _key(row: Json, by: str | None) -> tuple[str, tuple[int, ...]]:
    """A page goes on after the last value and id, not after so many rows: rows that move away make no gap."""
    return (str(row.get(by) or "") if by else "", tuple(int(part) for part in re.findall(r"\d+", row["id"])))


def _cursor(key: tuple[str, tuple[int, ...]]) -> str:
    return base64.b64encode(json.dumps({"last_id": key[1], "last_value": key[0]}).encode()).decode()


def _read(cursor: str) -> tuple[str, tuple[int, ...]]:
    try:
        told = json.loads(base64.b64decode(cursor))
        return (told["last_value"], tuple(told["last_id"]))
    except (ValueError, KeyError, TypeError) as error:
        message = f"Invalid cursor for current pagination sort: {cursor}"
        raise GraphQLError(message, extensions={"code": "BAD_REQUEST"}) from error


def _permit(asked: Asked, place: str, name: str) -> None:
    scope = asked.denied.get(place)
    if scope is None:
        return
    raise GraphQLError(
        f"Access denied for {name} field. Required access: `{scope}` access scope.",
        extensions={
            "code": "ACCESS_DENIED",
            "documentation": "https://shopify.dev/api/usage/access-scopes",
            "requiredAccess": f"`{scope}` access scope.",
        },
    )


def _built() -> GraphQLSchema:
    schema = build_schema(SDL)
    for kind in schema.type_map.values():
        if not isinstance(kind, GraphQLObjectType) or kind.name.startswith("__"):
            continue
        for known in kind.fields.values():
            if get_named_type(known.type).name.endswith("Connection"):
                known.resolve = _connection
    return schema


SCHEMA: Final = _built()
