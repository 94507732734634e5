"""Writes a graph as SVG: one file that needs no other file, has no scripts and is readable without colour.

It uses attributes only, no style sheet and no ids, so it can be part of a page under any content security policy.
"""

from itertools import pairwise
from xml.etree.ElementTree import Element, SubElement, tostring

from vai_drawing import Edge, Graph, Node
from vai_drawing.implied import without_implied
from vai_drawing.layout import LABEL_HEIGHT, LABEL_SIZE, NODE_WIDTH, Label, Layout, TooLarge, Way, lay_out
from vai_drawing.lettering import clean, fitted, shortened, width
from vai_drawing.looks import Look, look_of, spoken, worded
from vai_drawing.placing import Point

FONT = "Inter, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, 'Noto Sans', 'DejaVu Sans', sans-serif"

_MARGIN = 28
_HEADING = 40
_LEAST_WIDTH = 360
_PLAIN_HEIGHT, _STATE_HEIGHT = 50, 70
_INSET = 16
_ARROW = 8
_MOST_TITLE = 1_000
MOST_EDGES = 6_000
_BOLD = 1.1  # how much wider bold letters are
_PAPER, _EDGE, _TAKEN, _NOT_TAKEN, _TEXT, _SMALL = "#fbfcfd", "#8490a0", "#475467", "#b4bcc8", "#1f2328", "#57606a"


_NOTE_HEIGHT = 22


def svg(graph: Graph) -> str:
    """The drawing as text. It computes for up to a few seconds, so a server should use a `Drawer`.

    If there are too many edges to be readable, those that follow from others are left out, and the drawing says so.
    Raises `TooLarge` if there are still too many.
    """
    try:
        return _drawn(graph, "")
    except TooLarge:
        fewer = without_implied(graph)
        left_out = len(graph.edges) - len(fewer.edges)
        return _drawn(fewer, f"{left_out:,} connections that follow from others are not drawn." if left_out else "")


def _drawn(graph: Graph, note: str) -> str:
    if len(graph.edges) > MOST_EDGES:
        raise TooLarge
    height = _STATE_HEIGHT if any(node.state or node.seconds is not None for node in graph.nodes) else _PLAIN_HEIGHT
    layout = lay_out(graph, height)
    root, place = _sheet(graph, layout, note)
    for number, way in sorted(layout.ways.items(), key=lambda item: graph.edges[item[0]].taken is not False):
        _edge(place, graph.edges[number], way, layout.down)
    for number, node in enumerate(graph.nodes):
        _node(place, node, layout.centres[number], height)
    return tostring(root, encoding="unicode")


def _sheet(graph: Graph, layout: Layout, note: str) -> tuple[Element, Element]:
    """The sheet with its heading, and the group whose 0, 0 is the layout's."""
    title = clean(graph.title)
    broad = max(layout.size[0] + 2 * _MARGIN, _LEAST_WIDTH)
    top = _MARGIN + (_HEADING if title else 0)
    high = top + (layout.size[1] or _HEADING) + _MARGIN + (_NOTE_HEIGHT if note else 0)
    size = {"viewBox": f"0 0 {_number(broad)} {_number(high)}", "width": _number(broad), "height": _number(high)}
    root = Element("svg", {"xmlns": "http://www.w3.org/2000/svg", **size, "role": "img", "font-family": FONT})
    _title(root, title or "Steps")
    SubElement(root, "rect", {"width": _number(broad), "height": _number(high), "fill": _PAPER})
    if title:
        fitting = fitted(title, 17 * _BOLD, broad - 2 * _MARGIN)
        _text(root, fitting, (_MARGIN, _MARGIN + 14), 17, _TEXT, {"font-weight": "600"})
    if not graph.nodes:
        _text(root, "No steps", (_MARGIN, top + 18), 13, _SMALL)
    if note:
        _text(root, note, (_MARGIN, high - _MARGIN + 8), 12, _SMALL)
    left = (broad - layout.size[0]) / 2
    return root, SubElement(root, "g", {"transform": f"translate({_number(left)} {_number(top)})"})


def _node(place: Element, node: Node, centre: Point, height: float) -> None:
    look = look_of(node.state)
    left, top = centre[0] - NODE_WIDTH / 2, centre[1] - height / 2
    group = SubElement(place, "g", {"class": "node", "data-key": clean(node.key)})
    _title(group, "\n".join(_told(node)))
    _box(group, left, top, height, look, bold=node.state in ("running", "failed"))
    room = NODE_WIDTH - _INSET - 10
    name = clean(node.name) or clean(node.key)
    faded = {"font-weight": "600"} | ({"fill-opacity": "0.65"} if node.state == "skipped" else {})
    _text(group, fitted(name, 13.5 * _BOLD, room), (left + _INSET, top + 21), 13.5, _TEXT, faded)
    note = fitted(node.note or "", 10, room / 2)
    if note:
        _note(group, note, left + NODE_WIDTH - 9, top + 38.5)
    beside = width(note, 10) + 20 if note else 0
    _text(group, fitted(node.kind, 11, room - beside), (left + _INSET, top + 38.5), 11, _SMALL)
    _state(group, node, look, left + _INSET, top + 57)


def _told(node: Node) -> list[str]:
    """The tooltip of a node, with texts at (almost) full length."""
    state = clean(worded(node.state))
    lasted = spoken(node.seconds) if node.seconds is not None else ""
    lines = [clean(node.name), clean(node.key), clean(node.kind), " · ".join(filter(None, (state, lasted)))]
    lines.append(clean(node.note or ""))
    return [shortened(line, _MOST_TITLE) for line in dict.fromkeys(lines) if line]


def _box(group: Element, left: float, top: float, height: float, look: Look, bold: bool) -> None:
    place = {"x": _number(left), "y": _number(top), "width": _number(NODE_WIDTH), "height": _number(height), "rx": "8"}
    border = {"fill": look.paper, "stroke": look.ink, "stroke-width": "2" if bold else "1.2"}
    SubElement(group, "rect", place | border | ({"stroke-dasharray": "5 3"} if look.dashed else {}))
    stripe = f"M{_number(left + 6)} {_number(top + 9)}V{_number(top + height - 9)}"
    SubElement(group, "path", {"d": stripe, "stroke": look.ink, "stroke-width": "4", "stroke-linecap": "round"})


def _note(group: Element, note: str, right: float, baseline: float) -> None:
    broad = width(note, 10) + 10
    place = {"x": _number(right - broad), "y": _number(baseline - 11), "width": _number(broad), "height": "15"}
    SubElement(group, "rect", place | {"rx": "7.5", "fill": "#ffffff", "stroke": "#c5ccd6"})
    _text(group, note, (right - broad / 2, baseline), 10, _SMALL, {"text-anchor": "middle"})


def _state(group: Element, node: Node, look: Look, left: float, baseline: float) -> None:
    """The sign, the word and how long it took."""
    lasted = spoken(node.seconds) if node.seconds is not None else ""
    words = " · ".join(filter(None, (clean(worded(node.state)), lasted)))
    if look.stroke:
        at = f"translate({_number(left + 7)} {_number(baseline - 4)})"
        sign = SubElement(group, "g", {"transform": at, "fill": "none", "stroke": "#ffffff", "stroke-width": "1.7"})
        SubElement(sign, "circle", {"r": "7", "fill": look.ink, "stroke": "none"})
        SubElement(sign, "path", {"d": look.stroke, "stroke-linecap": "round", "stroke-linejoin": "round"})
        left += 20
    if words:
        _text(group, fitted(words, 11.5, NODE_WIDTH - 46), (left, baseline), 11.5, look.ink, {"font-weight": "600"})


def _edge(place: Element, edge: Edge, way: Way, down: bool) -> None:
    ink = {None: _EDGE, True: _TAKEN, False: _NOT_TAKEN}[edge.taken]
    ends = {"data-source": clean(edge.source), "data-target": clean(edge.target)}
    group = SubElement(place, "g", {"class": "edge", **ends})
    if edge.port or edge.taken is False:
        _title(
            group, shortened(" · ".join(filter(None, (edge.port, "not taken" * (edge.taken is False)))), _MOST_TITLE)
        )
    stroke = {"fill": "none", "stroke": ink, "stroke-width": "2" if edge.taken else "1.5"}
    dashes = {"stroke-dasharray": "5 4"} if edge.taken is False else {}
    SubElement(group, "path", {"d": _path(way.points, down, 0 if way.joins else _ARROW), **stroke, **dashes})
    if not way.joins:
        SubElement(group, "path", {"d": _arrow(way.points, down), "fill": ink})
    if way.label is not None:
        _label(group, way.label, _EDGE if edge.taken is False else _TEXT)


def _path(points: list[Point], down: bool, tip: float) -> str:
    """The line up to the arrow's tip of the given length. Its last part has the direction of the tip."""
    (x, y), length = points[-1], tip * _direction(points, down)
    stops = [*points[:-1], (x, y - length) if down else (x - length, y)]
    parts = [f"M{_at(stops[0])}"]
    for number, (a, b) in enumerate(pairwise(stops)):
        if number % 2 or (a[0] == b[0] if down else a[1] == b[1]):
            parts.append(f"L{_at(b)}")
        else:
            middle = (a[1] + b[1]) / 2 if down else (a[0] + b[0]) / 2
            bends = ((a[0], middle), (b[0], middle)) if down else ((middle, a[1]), (middle, b[1]))
            parts.append(f"C{_at(bends[0])} {_at(bends[1])} {_at(b)}")
    return "".join([*parts, f"L{_at(points[-1])}"])


def _arrow(points: list[Point], down: bool) -> str:
    """A tip at the last point, in the direction of the last step."""
    (x, y), length, half = points[-1], _ARROW * _direction(points, down), _ARROW / 2
    sides = (
        ((x - half, y - length), (x + half, y - length)) if down else ((x - length, y - half), (x - length, y + half))
    )
    return f"M{_at((x, y))}L{_at(sides[0])}L{_at(sides[1])}Z"


def _direction(points: list[Point], down: bool) -> int:
    """1 for an edge that leads forward, -1 for one that leads back (in a cycle)."""
    (x, y), (last_x, last_y) = points[-2:]
    return 1 if (y < last_y if down else x < last_x) else -1


def _label(group: Element, label: Label, ink: str) -> None:
    x, y = label.centre
    place = {"x": _number(x - label.width / 2), "y": _number(y - LABEL_HEIGHT / 2), "width": _number(label.width)}
    SubElement(group, "rect", place | {"height": _number(LABEL_HEIGHT), "rx": "4", "fill": _PAPER})
    _text(group, label.text, (x, y + 4), LABEL_SIZE, ink, {"text-anchor": "middle", "font-style": "italic"})


def _title(parent: Element, text: str) -> None:
    SubElement(parent, "title").text = text


def _text(parent: Element, text: str, at: Point, size: float, ink: str, more: dict[str, str] | None = None) -> None:
    place = {"x": _number(at[0]), "y": _number(at[1]), "font-size": _number(size), "fill": ink}
    SubElement(parent, "text", place | (more or {})).text = text


def _at(point: Point) -> str:
    return f"{_number(point[0])} {_number(point[1])}"


def _number(value: float) -> str:
    return f"{round(value, 1) + 0:g}" if abs(value) < 100_000 else f"{value:.0f}"
