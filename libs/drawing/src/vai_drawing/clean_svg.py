"""A drawing as it may stand in a page: shapes and text only, whatever was drawn."""

import re
from typing import Final
from xml.etree import ElementTree

MOST_HINTS: Final = 500
"""Marks of a drawing that say what they are when somebody points at them; none of a larger one do."""

_SVG = "http://www.w3.org/2000/svg"
_SHAPES = frozenset(
    ("svg", "g", "path", "line", "rect", "circle", "ellipse", "polygon", "polyline", "text", "tspan", "defs")
) | {"clipPath", "linearGradient", "radialGradient", "stop"}
_ATTRIBUTES = frozenset(
    ("d", "x", "y", "x1", "y1", "x2", "y2", "cx", "cy", "r", "rx", "ry", "dx", "dy", "width", "height", "points")
) | frozenset(
    ("transform", "viewBox", "fill", "fill-opacity", "fill-rule", "stroke", "stroke-width", "stroke-opacity", "opacity")
) | frozenset(
    ("stroke-dasharray", "stroke-dashoffset", "stroke-linecap", "stroke-linejoin", "stroke-miterlimit", "clip-path")
) | frozenset(
    ("font-family", "font-size", "font-style", "font-weight", "text-anchor", "display", "offset", "stop-color", "id")
) | {"gradientUnits", "stop-opacity"}  # fmt: skip
_OWN = re.compile(r"url\(\s*['\"]?#([A-Za-z0-9_-]{1,100})['\"]?\s*\)")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,100}")


class NotClean(ValueError):
    """It is no drawing."""


def cleaned(svg: str, prefix: str, label: str) -> str:
    """The drawing without anything that could run, load or lead somewhere.

    `prefix` begins its ids, so that several can stand in one page; `label` says what it shows. Raises `NotClean`.
    """
    if "<!" in svg:
        raise NotClean("the drawing has a declaration")
    try:
        root = ElementTree.fromstring(svg)  # no declarations: no entities that grow
    except ElementTree.ParseError as error:
        raise NotClean(f"the drawing is no SVG: {error}") from None
    if root.tag != f"{{{_SVG}}}svg":
        raise NotClean("the drawing is no SVG")
    hints = sum(each.get("role") == "graphics-symbol" for each in root.iter()) <= MOST_HINTS
    made = _copied(root, prefix, hints)
    made.set("role", "img")
    made.set("aria-label", label)
    made.set("xmlns", _SVG)
    return ElementTree.tostring(made, "unicode", short_empty_elements=True)


def _copied(root: ElementTree.Element, prefix: str, hints: bool) -> ElementTree.Element:
    made = ElementTree.Element("svg", _attributes(root, prefix))
    todo = [(root, made)]
    while todo:
        given, copy = todo.pop()
        copy.text = given.text
        if hints and given.get("role") == "graphics-symbol" and given.get("aria-label"):
            ElementTree.SubElement(copy, "title").text = given.get("aria-label")
        for each in given:
            name = each.tag.removeprefix(f"{{{_SVG}}}") if isinstance(each.tag, str) else ""
            if name in _SHAPES and name != "svg":
                inner = ElementTree.SubElement(copy, name, _attributes(each, prefix))
                inner.tail = each.tail
                todo.append((each, inner))
    return made


def _attributes(given: ElementTree.Element, prefix: str) -> dict[str, str]:
    found = {}
    for name, value in given.attrib.items():
        if name not in _ATTRIBUTES:
            continue
        if name == "id":
            if _NAME.fullmatch(value):
                found[name] = f"{prefix}{value}"
        elif "(" not in value or name in ("transform", "d"):
            found[name] = value
        elif own := _OWN.fullmatch(value):
            found[name] = f"url(#{prefix}{own[1]})"
        elif re.fullmatch(r"(?:rgb|hsl)a?\([0-9., %]{1,60}\)", value):
            found[name] = value
    return found
