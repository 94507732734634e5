"""Writes docs/kinds.md, docs/api.md and docs/errors.md from the code. `--check` only says whether one is stale.

Kinds come from the catalogue and the models of their definitions, operations from the API's own document, errors from
the codes of runs and from the problems that the gateway's code raises.
"""

import ast
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tools.console.document import whole_document
from tools.drawn_page import write_or_check
from tools.sources_page import fields_of
from vai_common.errors import ErrorCode
from vai_records.definitions import definition_model
from vai_records.definitions.base import Definition
from vai_records.definitions.kinds import AGENT_ONLY, KINDS

DOCS = Path(__file__).parents[1] / "docs"
_GATEWAY = Path(__file__).parents[1] / "services/api-gateway/src/vai_api_gateway"
_SPELLINGS = frozenset(("kind", "connectionRef"))

_KINDS_HEAD = """# Kinds

What a run can do. `"kind"` of an action or a run is one of these names, and `"definition"` has the fields that stand
below it. Drawn by `make generate`. A running installation tells the same, with the JSON Schemas, as `vai kinds`,
`vai kinds show NAME` and `GET /api/v1/kinds`.

| Kind | Does | Service | |
|---|---|---|---|
"""
_PAGES = {
    "dlt_extract": "extraction.md", "file_sync": "file-sync.md", "duckdb_transform": "transforms.md",
    "call_agent": "agents.md", "create_flashboard": "flashboards.md", "generate_query": "research.md",
    "explain_schema": "research.md", "web_search": "research.md", "fetch_page": "research.md",
    "http_request": "automations.md", "approval_gate": "automations.md", "conditional_branch": "automations.md",
    "call_automation": "automations.md",
}  # fmt: skip

_API_HEAD = """# Operations of the API

Every operation, in the order of the reference. An installation serves the same at `/docs`, where each can be tried out,
with the shapes of bodies and answers, and as an OpenAPI document at `/openapi.json`. Drawn by `make generate`.

*Role* is what a person or a key needs at least; *scope* is what a key with scopes needs besides
([who may do what](access.md)). *none*: the operation says in the reference how one comes in.

Lists have `limit`. Where an answer has `nextCursor`, it is the `cursor` of the next request (of logs, `after`); short
lists have `hasNext` and `offset`. Errors have [one shape](errors.md).
"""

_ERRORS_HEAD = """# Errors

## What a request answers

Every answer of 400 and more has this body, whatever went wrong:

```json
{"detail": [{"loc": ["body", "definition", "source"], "msg": "There is no source smaple in this version; there are: rest_api, filesystem, …", "type": "unknown_source"}]}
```

`loc` is the place in what was sent, `msg` says to people what is wrong and what to do, `type` is a word for programs.
There can be several at once, one for each fault. An answer never repeats what was sent: it could be a secret.
`X-Request-ID` of the answer is what the gateway's log calls the request.

| Status | `type` | Means | Send it again? |
|---|---|---|---|
"""  # noqa: E501
_STATUS = {
    400: ("the request cannot be read", "no, change it"),
    401: ("no key, or one that is not known or was revoked", "with a good key"),
    403: ("your role, the key's scopes, or the origin of the page do not allow it", "no"),
    404: ("it is not there, or belongs to another organisation, or is kept no longer", "no"),
    405: ("the path has other methods; `Allow` names them", "no"),
    409: ("the state does not allow it: the name is taken, or the run has ended", "look at it first"),
    412: ("somebody has changed it since you read it (`If-Match`)", "read it again, then change it"),
    413: ("the body is too large", "no, make it smaller"),
    415: ("the `Content-Type` is not one that the operation takes", "no, change it"),
    422: ("what was sent is understood and wrong", "no, change it"),
    429: ("too many requests, or the limit of the day is used up", "after `Retry-After`"),
    500: ("a fault of ours; it is in the gateway's log under the request's id", "with the same idempotency key"),
    503: ("the database or the lake does not answer now", "after `Retry-After`, with the same idempotency key"),
}
_FAULTS = """
The words of 422 are many: those of pydantic (`missing`, `string_type`, `extra_forbidden`, `greater_than_equal`, …) for
shapes, and our own for what a shape cannot say (`unknown_source`, `unknown_kind`, …). Show `msg`; branch on the status.

## Why a run failed

A run that failed has `error`: `code`, `message` (what is wrong, and what to do), `details`, and `retryable`. What is
retryable is tried again by itself, as `retry` of the definition says; the run fails after the last try.

| `code` | Means | Usually |
|---|---|---|
"""
_CODES = {
    ErrorCode.CONNECTION_ERROR: (
        "the service was not reached, broke off, or its address is not allowed",
        "tried again",
    ),
    ErrorCode.AUTH_ERROR: ("the service refused the credentials", "final: change the connection"),
    ErrorCode.RATE_LIMITED: ("the service asks to slow down", "tried again, not before it allows"),
    ErrorCode.DATA_ERROR: ("what came, or what was asked for, is wrong: a file, a row, a column, SQL", "final"),
    ErrorCode.TIMEOUT: ("the run or a request took longer than its limit", "tried again"),
    ErrorCode.INTERNAL_ERROR: ("something that nobody expected, or a worker that died twice", "tried again"),
}


def kinds() -> str:
    parts = [_KINDS_HEAD.rstrip("\n")]
    for kind in KINDS.values():
        more = f"an agent's own `{AGENT_ONLY[kind.name]}`" if kind.name in AGENT_ONLY else ""
        parts.append(f"| [`{kind.name}`](#{kind.name}) | {kind.description} | `{kind.service}` | {more} |")
    every = frozenset(Definition.model_json_schema()["properties"])
    parts += ["", "## In every definition\n", *fields_of(Definition.model_json_schema(), _SPELLINGS)]
    for kind in KINDS.values():
        schema = definition_model(kind.name).model_json_schema()
        page = _PAGES.get(kind.name)
        parts += ["", f"## `{kind.name}`\n", f"{kind.description}.{f' [More]({page}).' if page else ''}\n"]
        own = list(fields_of(schema, every | _SPELLINGS))
        parts += own or ["It has no fields of its own."]
        if kind.name == "dlt_extract":
            parts.append("\nEach [source](sources.md) adds its own.")
    return "\n".join(parts) + "\n"


def api() -> str:
    document = whole_document()
    rows: dict[str, list[str]] = defaultdict(list)
    for path, operations in document["paths"].items():
        for method, each in operations.items():
            called = f"`{method.upper()} {path}`"
            rows[each["tags"][0]].append(f"| {called} | {each['summary']} | {each['x-role']} | {each['x-scope']} |")
    parts = [_API_HEAD.rstrip("\n")]
    for tag in document["tags"]:
        parts += ["", f"## {tag['name']}\n", f"{tag['description']}\n", "| Operation | Does | Role | Scope |"]
        parts += ["|---|---|---|---|", *rows[tag["name"]]]
    return "\n".join(parts) + "\n"


def errors() -> str:
    parts = [_ERRORS_HEAD.rstrip("\n")]
    for status, types in sorted(_problems().items()):
        means, again = _STATUS[status]
        parts.append(f"| {status} | {', '.join(f'`{name}`' for name in sorted(types))} | {means} | {again} |")
    parts.append(_FAULTS.rstrip("\n"))
    parts += [f"| `{code}` | {_CODES[code][0]} | {_CODES[code][1]} |" for code in ErrorCode]
    return "\n".join(parts) + "\n"


def _problems() -> dict[int, set[str]]:
    """The types that the gateway raises by name, by status; all of 422 but those that every shape has are left out."""
    found: dict[int, set[str]] = defaultdict(set, {status: set() for status in (422,)})
    for module in _GATEWAY.rglob("*.py"):
        for status, name in _raised(ast.parse(module.read_text(encoding="utf-8"))):
            found[status].add(name)
    found[409].add("immovable")
    found[405].add("method_not_allowed")
    return found


def _raised(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Problem" and len(node.args) > 1:
            status, name = node.args[:2]
            if (
                isinstance(status, ast.Constant)
                and isinstance(name, ast.Constant)
                and re.match(r"\w+$", str(name.value))
            ):
                yield int(str(status.value)), str(name.value)


PAGES = {"kinds.md": kinds, "api.md": api, "errors.md": errors}


def main(arguments: list[str]) -> int:
    """Write the pages, or with `--check` say which are stale."""
    return max(write_or_check(DOCS / name, draw(), arguments) for name, draw in PAGES.items())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
