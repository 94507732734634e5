"""What stands on a page beside its tiles: title, values, form, links."""

from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from vai_api_gateway.flashboards.rendering import text_of
from vai_api_gateway.flashboards.tile_views import views
from vai_common.queries import Row
from vai_records.flashboards.versions import Shown

Json = dict[str, Any]

_INPUTS = {"date": "date", "number": "number", "text": "text"}
_LONGEST_ERROR = 500


def contents(version: Shown) -> Json:
    """What the template needs beside the tiles; nothing that leads anywhere."""
    definition = version.definition
    return {
        "title": definition["title"],
        "description": definition.get("description", ""),
        "version": version,
        "said": _said(version),
        "standalone": False,
        "links": None,
        "banner": None,
        "fields": None,
        "wish": None,
    }


def main(version: Shown, links: Json | None = None) -> Markup:
    """The tiles as HTML. It takes time: not in the event loop."""
    told = {"tiles": views(version), "version": version, "said": _said(version), "links": links}
    return Markup(text_of("tiles.html", told))


def _said(version: Shown) -> list[tuple[str, str]]:
    """The values of its parameters, each with its label."""
    labels = {each["name"]: each.get("label") or each["name"] for each in version.definition.get("parameters", [])}
    return [(labels.get(name, name), _text(value)) for name, value in version.values.items()]


def links(root: str, board: Row, version: Shown) -> Json:
    """Where a page leads to, for somebody who is signed in."""
    here, files = f"{root}/flashboards/{board['slug']}", f"{root}/api/v1/flashboards/{board['slug']}"
    return {
        "here": here,
        "versions": f"{root}/flashboards",
        "export": f"{files}/export?version={version.number}",
        "tiles": f"{files}/tiles",
        "shown": here if version.number != board["shown"] else None,
    }


def fields(version: Shown) -> list[Json]:
    """The form of its parameters, with the values of this version."""
    return [_field(each, version.values) for each in version.definition.get("parameters", [])]


def _field(parameter: Mapping[str, Any], values: Mapping[str, Any]) -> Json:
    value = values.get(parameter["name"], parameter["default"])
    choices = [True, False] if parameter["type"] == "boolean" else parameter.get("choices", [])
    return {
        "name": parameter["name"],
        "label": parameter.get("label") or parameter["name"],
        "input": _INPUTS.get(parameter["type"], "text"),
        "value": _text(value),
        "choices": [{"value": _text(each), "text": _text(each), "chosen": each == value} for each in choices],
    }


def given(version: Row, form: Mapping[str, str]) -> Json:
    """The values of a form, with the types of the parameters; what does not change is left out."""
    found: Json = {}
    for each in version["definition"].get("parameters", []):
        name = each["name"]
        text = form.get(f"v.{name}")
        if text is not None and text != _text(version["values"].get(name, each["default"])):
            found[name] = _typed(each["type"], text)
    return found


def _typed(kind: str, text: str) -> Any:
    if kind == "boolean":
        return {"yes": True, "no": False}.get(text, text)
    if kind == "number":
        try:
            return int(text) if text.lstrip("-").isdecimal() else float(text)
        except ValueError:
            return text
    return text


def banner(board: Row, version: Shown) -> str | None:
    """What became of the newest run, where it is not what the page shows."""
    if board["last_run_id"] in (None, version.run_id) or version.number != board["shown"]:
        return None
    status = board["last_run_status"]
    if status == "failed":
        error = (board["last_run_error"] or {}).get("message", "it failed")
        return f"The last refresh failed, so this is the version before it: {str(error)[:_LONGEST_ERROR]}"
    if status in ("pending", "awaiting_approval", "running"):
        return "It is being refreshed now; open it again in a moment."
    return None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)
