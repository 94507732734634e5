"""A tool of an MCP server as it is kept of what the server has said, and what a call of it came to."""

from dataclasses import asdict, dataclass
from typing import Any, Final

import orjson

from vai_common.nesting import DEEPEST, is_deeper

Json = dict[str, Any]

LARGEST_SCHEMA: Final = 20_000
"""Bytes of the schema of one tool's arguments."""
LONGEST_WORDS: Final = 2_000
_UNCHECKED: Final = frozenset(("$ref", "$dynamicRef", "pattern", "patternProperties"))
"""Words of a schema that could lead anywhere, or take for ever: a server's schema with one is shown and not checked."""


@dataclass(frozen=True)
class McpTool:
    """`schema` is that of its arguments. `idempotent`: the server says that calling it twice is as calling it once."""

    name: str
    description: str
    schema: Json
    idempotent: bool

    def as_json(self) -> Json:
        return asdict(self)

    @property
    def checked(self) -> Json:
        """The schema by which arguments are checked here; the server checks them, too."""
        return {"type": "object"} if _has_unchecked(self.schema) else self.schema

    def without(self, fixed: Json) -> Json:
        """The schema of the arguments that a model may set."""
        properties = {name: one for name, one in (self.schema.get("properties") or {}).items() if name not in fixed}
        needed = [name for name in self.schema.get("required") or [] if name not in fixed]
        return {**self.schema, "type": "object", "properties": properties, "required": needed}


@dataclass(frozen=True)
class Came:
    """What a call came to: `value` is for the model; `unsure`: it is not known whether it was carried out."""

    value: Any
    failed: bool = False
    unsure: bool = False
    refused_key: bool = False


def fault_in_schema(schema: Any) -> str | None:
    """Why a schema of arguments cannot be used; None: it can."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
    from jsonschema.exceptions import SchemaError  # type: ignore[import-untyped]

    if not isinstance(schema, dict) or schema.get("type", "object") != "object":
        return "the schema of its arguments is none of an object"
    if is_deeper(schema, DEEPEST):
        return f"the schema of its arguments is nested deeper than {DEEPEST} levels"
    if (size := len(orjson.dumps(schema))) > LARGEST_SCHEMA:
        return f"the schema of its arguments has {size:,} bytes; {LARGEST_SCHEMA:,} is the most"
    try:
        Draft202012Validator.check_schema(schema)
    except (SchemaError, RecursionError) as error:
        return f"the schema of its arguments is no JSON Schema: {str(error).splitlines()[0][:300]}"
    return None


def _has_unchecked(value: Any) -> bool:
    rest = [value]
    while rest:
        one = rest.pop()
        if isinstance(one, dict):
            if _UNCHECKED & one.keys():
                return True
            rest.extend(one.values())
        elif isinstance(one, list):
            rest.extend(one)
    return False
