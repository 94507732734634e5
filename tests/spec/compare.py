"""Hold the data in this folder against the source documents, where they are at hand.

usage: python -m tests.spec.compare FOLDER     the folder with contract.json and source/

Exits 1 where a fact here is no longer what a document says; 0 with a line that says so where the folder is absent.
"""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
EXAMPLES = ("000", "003", "004")
ELIDED = ("002",)
"""Documents whose blocks leave things out (`{...}`): such a block is kept as its text."""

OURS = {
    ("get", "/api/v1/action-runs/{run_id}/logs/stream"): (204,),
    ("post", "/api/v1/actions/{action_id}/run"): (200,),
    ("post", "/api/v1/action-runs/{run_id}/retry"): (200,),
}
"""What is answered beyond the documents: a browser's EventSource stops at 204, and at nothing else (decision 28); a
repeat with the same idempotency key is 200 wherever something is started (decision 14)."""

_ERROR_CODE = re.compile(r"^([A-Z]+_[A-Z]+|TIMEOUT) \| [^|]+ \| (\w+)[^|]*\|$", re.MULTILINE)
_KIND = re.compile(r"^(\w+) \| (Sync|Async) \|", re.MULTILINE)
_STATUS = re.compile(r"^([A-Z_]+) \| [^|]+ \| ([^|]+) \|$", re.MULTILINE)
_JSON = re.compile(r'\{\s*"')
_LOG_EVENT = re.compile(r"^([a-z_]+?)(info|warning|error)[A-Z].*$", re.MULTILINE)


def json_in(text: str) -> list[Any]:
    """Every JSON object that stands in a text, in order and without repeats."""
    decoder, found, start = json.JSONDecoder(), [], text.find("{")
    while start >= 0:
        try:
            value, end = decoder.raw_decode(text, start)
        except ValueError:
            end = start + 1
        else:
            if value not in found:
                found.append(value)
        start = text.find("{", end)
    return found


def blocks_in(text: str) -> list[Any]:
    """Everything in a text that is written like a JSON object, as `json_in`; what leaves things out is its text."""
    found: list[Any] = []
    end = 0
    while start := _JSON.search(text, end):
        end = _end_of(text, start.start())
        block = text[start.start() : end]
        try:
            value = json.loads(block)
        except ValueError:
            value = block
        if value not in found:
            found.append(value)
    return found


def _end_of(text: str, start: int) -> int:
    """Behind the brace that closes the one at `start`; no string in these documents holds an odd brace."""
    depth = 0
    for place in range(start, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return place + 1
    raise ValueError(f"no brace closes the one at {start}: {text[start : start + 40]!r}")


def facts_in(actions: str, logs: str) -> dict[str, Any]:
    """What facts.json says, read out of documents 000 and 004."""
    lifecycle = actions[actions.index("Action Lifecycle") : actions.index("Execution Model")]
    codes = actions[actions.index("Error Codes") : actions.index("Retry Behavior")]
    return {
        "lifecycle": {
            status.lower(): [word.lower() for word in re.findall(r"[A-Z_]{4,}", targets)]
            for status, targets in _STATUS.findall(lifecycle)
        },
        "kinds": {kind: {"Sync": "SYNC", "Async": "ASYNC_QUEUE"}[mode] for kind, mode in _KIND.findall(actions)},
        "errorCodes": {code: word.lower() for code, word in _ERROR_CODE.findall(codes)},
        "logEvents": dict(_LOG_EVENT.findall(logs)),
    }


def differences(folder: Path) -> Iterator[str]:
    """One line for each file here that the documents in `folder` do not bear out."""
    documents = {path.name[:3]: path.read_text() for path in (folder / "source").glob("*.txt")}
    if _without_ours(_data("contract.json")) != json.loads((folder / "contract.json").read_text()):
        yield "contract.json differs"
    if _data("facts.json") != facts_in(documents["000"], documents["004"]):
        yield "facts.json differs from documents 000 and 004"
    for number in EXAMPLES:
        if list(_data(f"examples/{number}.json").values()) != json_in(documents[number]):
            yield f"examples/{number}.json differs from document {number}"
    for number in ELIDED:
        if list(_data(f"examples/{number}.json").values()) != blocks_in(documents[number]):
            yield f"examples/{number}.json differs from document {number}"


def _without_ours(contract: Any) -> Any:
    """The contract without what this project answers beyond it, and without the words of decisions 10 and 17."""
    for name in ("displayStatus", "triggerMethod", "triggerSourceType"):
        del contract["schemas"]["run"]["properties"][name]["enum"]
    for endpoint in contract["endpoints"]:
        added = OURS.get((endpoint["method"], endpoint["path"]), ())
        endpoint["status"] = [status for status in endpoint["status"] if status not in added]
    return contract


def _data(name: str) -> Any:
    return json.loads((HERE / name).read_text())


def main(folder: Path) -> int:
    if not folder.is_dir():
        sys.stdout.write(f"{folder} is not here: the data under tests/spec was not held against the documents\n")
        return 0
    found = list(differences(folder))
    sys.stdout.write("".join(f"tests/spec/{line}\n" for line in found) or f"tests/spec says what {folder} says\n")
    return 1 if found else 0


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1])))
