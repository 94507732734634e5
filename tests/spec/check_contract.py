"""Hold a service against contract.json: what it says of itself (its OpenAPI document) and what it really answers.

usage: python -m tests.spec.check_contract OPENAPI     a file, or '-' for standard input

The two sides are not compared word by word but probed: for each place of the contract, every value that the contract
allows there must be allowed by the document, and every value that it forbids must be forbidden.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator, FormatChecker  # type: ignore[import-untyped]

Schema = dict[str, Any]

CONTRACT: Schema = json.loads((Path(__file__).parent / "contract.json").read_text())
SCHEMAS: dict[str, Schema] = CONTRACT["schemas"]
STREAM = "text/event-stream"

# One value of each JSON type; text that is a date or an id where that is asked for.
TEXTS = {"uuid": "497f6eca-6276-4993-bfeb-53cbbbba6f08", "date-time": "2026-01-22T14:30:00Z"}
PROBES: dict[str, Any] = {"null": None, "boolean": True, "integer": 7, "number": 0.5, "array": [], "object": {}}


def faults_in_answer(name: str, answer: object) -> list[str]:
    """Where an answer's body breaks the contract's schema `name`: action, run, actions, runs, logs, problem, …"""
    validator = Draft202012Validator({**SCHEMAS[name], "schemas": SCHEMAS}, format_checker=FormatChecker())
    return [f"{fault.json_path}: {fault.message}" for fault in validator.iter_errors(answer)]


def faults_in_exchange(method: str, path: str, status: int, answer: object) -> list[str]:
    """What is wrong with one live answer: its status for that path, and its body (None where it had none)."""
    if status >= 400:
        return faults_in_answer("problem", answer)
    endpoint = _endpoint(method.lower(), path)
    if endpoint is None:
        return [f"{method} {path} is not in the contract"]
    faults = [] if status in endpoint["status"] else [f"status {status}, wants {endpoint['status']}"]
    if "answer" not in endpoint:
        return faults if answer is None else [*faults, "has a body"]
    return faults if endpoint["answer"] == STREAM else faults + faults_in_answer(endpoint["answer"], answer)


def _endpoint(method: str, path: str) -> Schema | None:
    bare = path.split("?")[0]
    for endpoint in CONTRACT["endpoints"]:
        if endpoint["method"] == method and re.fullmatch(re.sub(r"\{\w+\}", "[^/]+", endpoint["path"]), bare):
            return dict(endpoint)
    return None


def faults_in_document(openapi: Schema) -> list[str]:
    """Everything in which an OpenAPI 3.1 document differs from the contract; more endpoints than it has are fine."""
    document = _Document(openapi)
    return [
        f"{endpoint['method'].upper()} {endpoint['path']}: {fault}"
        for endpoint in CONTRACT["endpoints"]
        for fault in document.faults_of(endpoint)
    ]


class _Document:
    def __init__(self, openapi: Schema) -> None:
        self.root = openapi
        self.operations = {
            (method, _shape(path)): operation
            for path, methods in openapi["paths"].items()
            for method, operation in methods.items()
        }

    def faults_of(self, endpoint: Schema) -> Iterator[str]:
        operation = self.operations.get((endpoint["method"], _shape(endpoint["path"])))
        if operation is None:
            yield "is missing"
            return
        parameters = [self.resolved(parameter) for parameter in operation.get("parameters", [])]
        yield from self.path_faults(parameters)
        yield from self.query_faults(endpoint.get("query", {}), parameters)
        yield from self.credential_faults(operation, parameters)
        if "body" in endpoint:
            yield from self.body_faults(endpoint, operation)
        yield from self.answer_faults(endpoint, operation["responses"])

    # Schemas ----------------------------------------------------------------------------------------------------

    def resolved(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self.root
            for step in schema["$ref"].removeprefix("#/").split("/"):
                target = target[step]
            schema = target
        return schema

    def branches(self, schema: Schema) -> list[Schema]:
        """The alternatives of a schema, each without references and unions at its top."""
        schema = self.resolved(schema)
        parts = [part for key in ("anyOf", "oneOf", "allOf") for part in schema.get(key, [])]
        return [branch for part in parts for branch in self.branches(part)] if parts else [schema]

    def part(self, schema: Schema, key: str) -> Any:
        """What the first alternative that says `key` says there; None where none does."""
        whole = self.resolved(schema)
        return next((part[key] for part in (whole, *self.branches(schema)) if key in part), None)

    def properties(self, schema: Schema) -> dict[str, Schema]:
        return self.part(schema, "properties") or {}

    def allows(self, schema: Schema, value: object) -> bool:
        validator = Draft202012Validator({**schema, "components": self.root.get("components", {})})
        return bool(validator.is_valid(value))

    def schema_faults(self, wanted: Schema, found: Schema, where: str) -> Iterator[str]:
        """Differences between a schema of the contract and one of the document, at `where` and below it."""
        wanted, optional = _unwrapped(wanted)
        types = _types(wanted) | ({"null"} if optional else set())
        for value, allowed in _probes(wanted, types):
            whole = allowed and isinstance(value, dict | list)
            if not whole and self.allows(found, value) != allowed:
                yield f"{where}: {'refuses' if allowed else 'allows'} {json.dumps(value)}"
        properties = self.properties(found)
        for key, inner in wanted.get("properties", {}).items():
            if key in properties:
                yield from self.schema_faults(inner, properties[key], f"{where}.{key}")
            else:
                yield f"{where}.{key}: is missing"
        for key, suffix in (("items", "[]"), ("additionalProperties", "{}")):
            inner = wanted.get(key)
            if isinstance(inner, dict):
                yield from self.schema_faults(inner, self.part(found, key) or {}, where + suffix)

    # Parts of an operation --------------------------------------------------------------------------------------

    def path_faults(self, parameters: list[Schema]) -> Iterator[str]:
        for parameter in parameters:
            name = parameter["name"]
            if parameter["in"] != "path":
                if parameter.get("required"):
                    yield f"{parameter['in']} parameter {name}: is demanded, and the contract demands none"
            elif name != "slug" and self.part(parameter["schema"], "format") != "uuid":
                yield f"path parameter {name}: is no uuid"

    def query_faults(self, wanted: Schema, parameters: list[Schema]) -> Iterator[str]:
        schemas = {p["name"]: p["schema"] for p in parameters if p["in"] == "query"}
        for name, rule in wanted.items():
            if name not in schemas:
                yield f"query parameter {name}: is missing"
                continue
            schema = schemas[name]
            if "default" in rule and self.part(schema, "default") != rule["default"]:
                yield f"{name}: default {self.part(schema, 'default')!r}, wants {rule['default']!r}"
            for value, allowed in _bounds(rule):
                if self.allows(schema, value) != allowed:
                    yield f"{name}: {'refuses' if allowed else 'allows'} {value!r}"

    def credential_faults(self, operation: Schema, parameters: list[Schema]) -> Iterator[str]:
        schemes = self.root.get("components", {}).get("securitySchemes", {})
        asked = operation["security"] if "security" in operation else self.root.get("security", [])
        taken = {p["name"].lower() for p in parameters if p["in"] in ("header", "cookie")}
        taken |= {schemes[name].get("name", "authorization").lower() for choice in asked for name in choice}
        for name in (*CONTRACT["headers"], *CONTRACT["cookies"]):
            if name.lower() not in taken:
                yield f"does not say that it takes {name}"

    def body_faults(self, endpoint: Schema, operation: Schema) -> Iterator[str]:
        wanted = endpoint["body"]
        request = self.resolved(operation.get("requestBody", {}))
        schema = request.get("content", {}).get("application/json", {}).get("schema", {})
        properties = self.properties(schema)
        yield from (f"body.{field}: is missing" for field in wanted["fields"] if field not in properties)
        demanded = sorted(self.part(schema, "required") or ())
        if demanded != sorted(wanted["required"]):
            yield f"body: demands {demanded}, wants {wanted['required']}"
        if request.get("required") and not wanted["required"] and endpoint["method"] != "patch":
            yield "body: is demanded, and the contract lets it be absent"
        if "kind" in properties and "kind" in wanted["fields"]:
            yield from self.schema_faults(SCHEMAS["run"]["properties"]["kind"], properties["kind"], "body.kind")
        if "name" in wanted["required"] and "name" in properties:
            for length, allowed in ((CONTRACT["nameMaxLength"], True), (CONTRACT["nameMaxLength"] + 1, False)):
                if self.allows(properties["name"], "x" * length) != allowed:
                    yield f"body.name: {'refuses' if allowed else 'allows'} {length} characters"

    def answer_faults(self, endpoint: Schema, responses: Schema) -> Iterator[str]:
        good = {int(code) for code in responses if code.startswith("2")}
        if good != set(endpoint["status"]):
            yield f"succeeds with {sorted(good)}, wants {endpoint['status']}"
        wanted = endpoint.get("answer")
        for code in sorted(good):
            content = self.resolved(responses[str(code)]).get("content", {})
            if wanted is None or code == 204:
                yield from ([f"{code}: has a body"] if content else [])
            elif wanted == STREAM:
                yield from ([] if STREAM in content else [f"{code}: is no {STREAM}"])
            else:
                schema = content.get("application/json", {}).get("schema", {})
                yield from self.schema_faults(SCHEMAS[wanted], schema, wanted)
        problem = self.resolved(responses.get("422", {})).get("content", {}).get("application/json", {})
        yield from self.schema_faults(SCHEMAS["problem"], problem.get("schema", {}), "422")


def _shape(path: str) -> str:
    return re.sub(r"\{\w+(:path)?\}", "{}", path)


def _unwrapped(schema: Schema) -> tuple[Schema, bool]:
    """A schema of the contract without its reference, and whether it may be null."""
    optional = "anyOf" in schema
    schema = schema["anyOf"][0] if optional else schema
    return (SCHEMAS[schema["$ref"].rsplit("/", 1)[1]], optional) if "$ref" in schema else (schema, optional)


def _types(schema: Schema) -> set[str]:
    types = schema["type"]
    return set(types) if isinstance(types, list) else {types}


def _probes(wanted: Schema, types: set[str]) -> Iterator[tuple[Any, bool]]:
    """Values of every type, each with whether the contract allows it."""
    for kind, value in PROBES.items():
        yield value, kind in types or (kind == "integer" and "number" in types)
    words = wanted.get("enum")
    if words is None:
        yield TEXTS.get(wanted.get("format", ""), "a word"), "string" in types
    else:
        yield from ((word, True) for word in words)
        yield "no such word", False


def _bounds(rule: Schema) -> Iterator[tuple[Any, bool]]:
    if "minimum" in rule:
        yield from ((rule["minimum"], True), (rule["minimum"] - 1, False))
    if "maximum" in rule:
        yield from ((rule["maximum"], True), (rule["maximum"] + 1, False))
    if "enum" in rule:
        yield from ((word, True) for word in rule["enum"])
        yield "no such word", False


def main(source: str) -> int:
    faults = faults_in_document(json.loads(sys.stdin.read() if source == "-" else Path(source).read_text()))
    sys.stdout.write("".join(f"{fault}\n" for fault in faults))
    sys.stdout.write(f"{len(CONTRACT['endpoints'])} endpoints held against the contract, {len(faults)} differences\n")
    return 1 if faults else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(sys.argv[1]))
