"""The SVG is read back with an XML parser, and its geometry checked."""

import re
from dataclasses import dataclass
from itertools import combinations, pairwise
from random import Random
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vai_drawing import Edge, Graph, Node
from vai_drawing.implied import without_implied
from vai_drawing.layout import MOST_VERTICES, TooLarge
from vai_drawing.lettering import fitted, width
from vai_drawing.looks import LOOKS
from vai_drawing.ordering import crossings
from vai_drawing.ranking import ranked
from vai_drawing.svg import MOST_EDGES, svg

NS = "{http://www.w3.org/2000/svg}"
EVIL = "<script>alert('x')</script> & \"q\" ]]> \x00\x1b \ud800 \u202e\nsecond line"

Point = tuple[float, float]


@dataclass(frozen=True)
class Rect:
    left: float
    top: float
    right: float
    bottom: float

    def overlaps(self, other: "Rect") -> bool:
        across = self.left < other.right and other.left < self.right
        return across and self.top < other.bottom and other.top < self.bottom

    def holds(self, point: Point, slack: float = -0.5) -> bool:
        x, y = point
        return self.left - slack <= x <= self.right + slack and self.top - slack <= y <= self.bottom + slack


@dataclass(frozen=True)
class Drawn:
    root: ElementTree.Element
    nodes: dict[str, Rect]
    edges: list[tuple[str, str, list[Point]]]

    @property
    def texts(self) -> list[str]:
        return [text.text or "" for text in self.root.iter(f"{NS}text")]

    @property
    def is_down(self) -> bool:
        return all(self.nodes[a].top < self.nodes[b].top for a, b, _ in self.edges)


def _draw(nodes: list[Node], edges: list[Edge] | None = None, title: str = "") -> Drawn:
    root = ElementTree.fromstring(svg(Graph(title, nodes, edges or [])))
    groups = list(root.iter(f"{NS}g"))
    rects = {g.attrib["data-key"]: _rect(g.find(f"{NS}rect")) for g in groups if g.get("class") == "node"}
    ways = [
        (g.attrib["data-source"], g.attrib["data-target"], _points(g.find(f"{NS}path")))
        for g in groups
        if g.get("class") == "edge"
    ]
    return Drawn(root, rects, ways)


def _rect(found: ElementTree.Element | None) -> Rect:
    assert found is not None
    x, y, broad, high = (float(found.attrib[name]) for name in ("x", "y", "width", "height"))
    return Rect(x, y, x + broad, y + high)


def _points(path: ElementTree.Element | None) -> list[Point]:
    """Points along an edge, close enough to find out what it touches."""
    assert path is not None
    points: list[Point] = []
    for command, numbers in re.findall(r"([MLC])([^MLC]*)", path.attrib["d"]):
        values = [float(number) for number in numbers.split()]
        stops = list(zip(values[::2], values[1::2], strict=True))
        corners = [points[-1], *stops] if points else stops
        points += [_between(corners, step / 40) for step in range(1, 41)] if command != "M" else stops
    return points


def _between(corners: list[Point], part: float) -> Point:
    """A point of a Bézier curve (de Casteljau)."""
    while len(corners) > 1:
        corners = [(a[0] + (b[0] - a[0]) * part, a[1] + (b[1] - a[1]) * part) for a, b in pairwise(corners)]
    return corners[0]


def _steps(count: int) -> list[Node]:
    return [Node(f"s{number}", f"Step {number}", "dlt_extract", "completed", number) for number in range(count)]


def _edges(*pairs: tuple[int, int]) -> list[Edge]:
    return [Edge(f"s{source}", f"s{target}") for source, target in pairs]


def _holds_together(drawn: Drawn) -> None:
    """No node lies on another, edges end at their nodes and keep away from all others."""
    assert [pair for pair in combinations(drawn.nodes.values(), 2) if pair[0].overlaps(pair[1])] == []
    for source, target, points in drawn.edges:
        for key, point in ((source, points[0]), (target, points[-1])):
            assert drawn.nodes[key].holds(point, 0.2)
            assert not drawn.nodes[key].holds(point)
        touched = {key for key, rect in drawn.nodes.items() if any(rect.holds(point) for point in points)}
        assert touched == set()


def _lies_within(drawn: Drawn) -> None:
    _, _, broad, high = map(float, drawn.root.attrib["viewBox"].split())
    group = drawn.root.find(f"{NS}g")
    assert group is not None
    left, top = map(float, re.findall(r"[\d.]+", group.attrib["transform"]))
    sheet = Rect(-left, -top, broad - left, high - top)
    assert all(sheet.holds((r.left, r.top)) and sheet.holds((r.right, r.bottom)) for r in drawn.nodes.values())
    assert all(sheet.holds(point) for _, _, points in drawn.edges for point in points)


def test_an_empty_graph_says_that_there_are_no_steps() -> None:
    assert _draw([]).texts == ["No steps"]


def test_a_node_shows_name_kind_note_state_and_duration() -> None:
    drawn = _draw([Node("load", "Load orders", "dlt_extract", "completed", 75, "always")], title="Nightly")
    assert set(drawn.texts) == {"Nightly", "Load orders", "dlt_extract", "always", "completed · 1 min 15 s"}


def test_a_node_without_a_name_shows_its_key() -> None:
    assert "load" in _draw([Node("load", " ", "dlt_extract")]).texts


@pytest.mark.parametrize("state", LOOKS)
def test_a_state_has_its_ink_its_sign_and_its_word(state: str) -> None:
    drawn = _draw([Node("a", "A", "fetch_page", state)])
    assert state.replace("_", " ") in drawn.texts
    strokes = {path.get("d") for path in drawn.root.iter(f"{NS}path")}
    assert LOOKS[state].stroke in strokes
    assert LOOKS[state].ink in {rect.get("stroke") for rect in drawn.root.iter(f"{NS}rect")}


def test_no_two_states_share_a_sign() -> None:
    assert len({look.stroke for look in LOOKS.values()}) == len({look.sign for look in LOOKS.values()}) == len(LOOKS)


def test_an_automation_that_is_not_a_run_shows_no_state() -> None:
    assert _draw([Node("a", "A", "fetch_page")]).texts == ["A", "fetch_page"]


def test_a_port_is_the_label_of_its_edge() -> None:
    nodes = [Node(key, key.upper(), "approval_gate") for key in "abc"]
    drawn = _draw(nodes, [Edge("a", "b", "approved"), Edge("a", "c", "rejected")])
    assert {"approved", "rejected"} <= set(drawn.texts)
    _holds_together(drawn)


def test_two_ports_to_the_same_step_are_two_labels_apart() -> None:
    drawn = _draw([Node(key, key, "k") for key in "ab"], [Edge("a", "b", "approved"), Edge("a", "b", "rejected")])
    labels = [_rect(g.find(f"{NS}rect")) for g in drawn.root.iter(f"{NS}g") if g.get("class") == "edge"]
    assert len(labels) == 2
    assert not labels[0].overlaps(labels[1])


@pytest.mark.parametrize(("taken", "dashes"), [(True, None), (None, None), (False, "5 4")])
def test_an_edge_that_was_not_taken_is_dashed(taken: bool | None, dashes: str | None) -> None:
    drawn = _draw([Node(key, key, "k") for key in "ab"], [Edge("a", "b", None, taken)])
    (edge,) = (group for group in drawn.root.iter(f"{NS}g") if group.get("class") == "edge")
    line = edge.find(f"{NS}path")
    assert line is not None
    assert line.get("stroke-dasharray") == dashes
    assert (edge.findtext(f"{NS}title") == "not taken") is (taken is False)


def test_what_users_wrote_is_text_and_nothing_else() -> None:
    nodes = [Node("a", EVIL, EVIL, EVIL, 1, EVIL), Node(EVIL, EVIL, EVIL, None, None, EVIL)]
    drawn = _draw(nodes, [Edge("a", EVIL, EVIL, False)], EVIL)
    assert {element.tag.removeprefix(NS) for element in drawn.root.iter()} <= {
        "svg", "title", "g", "rect", "path", "circle", "text",
    }  # fmt: skip
    assert all("\n" not in text and "\x1b" not in text for text in drawn.texts)
    assert drawn.root.findtext(f"{NS}title") == "<script>alert('x')</script> & \"q\" ]]> second line"


def test_nothing_outside_is_named_and_nothing_runs() -> None:
    root = _draw(_steps(3), _edges((0, 1), (1, 2)), "Title").root
    attributes = {(name, value) for element in root.iter() for name, value in element.attrib.items()}
    assert {
        name for name, _ in attributes if name.startswith("on") or "href" in name or name in ("style", "id")
    } == set()
    assert [value for _, value in attributes if "url(" in value or "//" in value] == []


def test_a_long_name_is_shortened_and_told_in_full_by_the_title() -> None:
    name = "Fetch all the orders of all the shops in all the countries"
    drawn = _draw([Node("a", name, "dlt_extract")])
    (shown,) = (text for text in drawn.texts if text.endswith("…"))
    assert name.startswith(shown[:-1])
    (node,) = (group for group in drawn.root.iter(f"{NS}g") if group.get("class") == "node")
    assert (node.findtext(f"{NS}title") or "").splitlines() == [name, "a", "dlt_extract"]


@pytest.mark.parametrize("text", ["i" * 500, "W" * 500, "取" * 500, "👩" * 500, "e\u0301" * 500, "a " * 500])
def test_a_text_is_never_broader_than_its_room(text: str) -> None:
    assert 80 < width(fitted(text, 13, 100), 13) <= 100


def test_a_chain_goes_straight_down() -> None:
    drawn = _draw(_steps(20), _edges(*((number, number + 1) for number in range(19))))
    assert len({rect.left for rect in drawn.nodes.values()}) == 1
    assert drawn.is_down
    _holds_together(drawn)
    _lies_within(drawn)


def test_a_fan_of_twenty_goes_to_the_right_and_fits_a_page() -> None:
    spread = [(0, number) for number in range(1, 21)] + [(number, 21) for number in range(1, 21)]
    drawn = _draw(_steps(22), _edges(*spread))
    assert not drawn.is_down
    assert float(drawn.root.attrib["width"]) < 1_200
    _holds_together(drawn)
    _lies_within(drawn)


def test_steps_without_edges_stand_in_rows_below_the_others() -> None:
    drawn = _draw(_steps(12), _edges((10, 11)))
    tops = [drawn.nodes[f"s{number}"].top for number in range(10)]
    assert min(tops) > drawn.nodes["s11"].bottom
    assert len(set(tops)) == 3
    _holds_together(drawn)
    _lies_within(drawn)


def test_a_long_edge_passes_beside_the_nodes_between() -> None:
    chain = [(number, number + 1) for number in range(9)]
    drawn = _draw(_steps(10), _edges(*chain, (0, 9), (2, 7), (1, 8)))
    _holds_together(drawn)
    _lies_within(drawn)


def test_of_two_orders_the_one_that_crosses_less_is_drawn() -> None:
    drawn = _draw(_steps(6), _edges((0, 5), (1, 4), (2, 3)))
    rows = [sorted(range(3), key=lambda n: drawn.nodes[f"s{n}"].left)]
    rows.append(sorted(range(3, 6), key=lambda n: drawn.nodes[f"s{n}"].left))
    assert crossings(rows, [(0, 5), (1, 4), (2, 3)]) == 0


@pytest.mark.parametrize(
    ("rows", "links", "crossing"),
    [
        ([[0, 1], [2, 3]], [(0, 2), (1, 3)], 0),
        ([[0, 1], [2, 3]], [(0, 3), (1, 2)], 1),
        ([[0, 1], [2, 3]], [(0, 2), (0, 3), (1, 2), (1, 3)], 1),
        ([[0], [1, 2], [3]], [(0, 1), (0, 2), (1, 3), (2, 3)], 0),
        ([[0, 1, 2], [3, 4, 5]], [(0, 5), (1, 4), (2, 3)], 3),
    ],
)
def test_crossings_are_counted(rows: list[list[int]], links: list[tuple[int, int]], crossing: int) -> None:
    assert crossings(rows, links) == crossing


def test_a_cycle_is_drawn_all_the_same() -> None:
    drawn = _draw(_steps(4), [*_edges((0, 1), (1, 2), (2, 3), (3, 3)), Edge("s3", "s0", "again"), Edge("s2", "s1")])
    assert len(drawn.edges) == 5
    _holds_together(drawn)
    _lies_within(drawn)


def test_the_same_graph_is_drawn_the_same_way() -> None:
    graph = Graph("x", _steps(12), _edges(*((a, b) for a in range(4) for b in range(4, 12) if (a * 7 + b) % 3)))
    assert svg(graph) == svg(graph)


@st.composite
def _graphs(draw: st.DrawFn) -> tuple[list[Node], list[Edge]]:
    count = draw(st.integers(1, 14))
    pairs = st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)).filter(lambda pair: pair[0] < pair[1])
    port = st.sampled_from([None, None, "approved", "a port with a long name"])
    links = draw(st.lists(st.tuples(pairs, port), max_size=24)) if count > 1 else []
    return _steps(count), [Edge(f"s{source}", f"s{target}", port) for (source, target), port in links]


@given(_graphs())
def test_whatever_the_graph_nodes_lie_apart_and_edges_pass_between_them(graph: tuple[list[Node], list[Edge]]) -> None:
    drawn = _draw(*graph)
    assert drawn.nodes.keys() == {node.key for node in graph[0]}
    assert sorted(edge[:2] for edge in drawn.edges) == sorted((edge.source, edge.target) for edge in graph[1])
    _holds_together(drawn)
    _lies_within(drawn)


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_users_write_is_well_formed(title: str, name: str, state: str, port: str) -> None:
    _draw([Node("a", name, name, state, 1, name), Node("b", name, name)], [Edge("a", "b", port)], title)


def _all_to_all(count: int) -> list[tuple[int, int]]:
    return [(source, target) for target in range(count) for source in range(target)]


def _layers(rows: int, abreast: int) -> list[tuple[int, int]]:
    return [
        (row * abreast + source, (row + 1) * abreast + target)
        for row in range(rows - 1)
        for source in range(abreast)
        for target in range(abreast)
    ]


def _at_random(count: int, most: int) -> list[tuple[int, int]]:
    chance = Random(count)
    return [(source, node) for node in range(count) for source in chance.sample(range(node), min(node, most))]


_CHAIN = [(number, number + 1) for number in range(499)]

LARGE = {
    "each waits for all before it": (250, _all_to_all(250)),
    "a chain and a clean-up that waits for all": (501, [*_CHAIN, *((number, 500) for number in range(500))]),
    "a chain that waits for the first": (500, [*_CHAIN, *((0, number) for number in range(2, 500))]),
    "two layers": (140, _layers(2, 70)),
    "twenty layers": (500, _layers(20, 15)),
    "three each, at random": (1_000, _at_random(1_000, 3)),
    "sixty each, at random": (300, _at_random(300, 60)),
    "flat": (1_000, []),
}


@pytest.mark.parametrize("shape", LARGE)
def test_what_is_drawn_has_a_bound(shape: str) -> None:
    """The work of a drawing grows with its vertices and links; both are counted, nothing is timed."""
    count, pairs = LARGE[shape]
    drawn = _draw(_steps(count), _edges(*pairs))
    assert len(drawn.nodes) == count
    assert len(drawn.edges) <= MOST_EDGES
    assert sum(len(points) for _, _, points in drawn.edges) / 40 <= 2 * MOST_VERTICES + MOST_EDGES


def test_edges_that_follow_from_others_are_left_out_and_counted_where_there_are_too_many() -> None:
    count = 250
    drawn = _draw(_steps(count), _edges(*_all_to_all(count)))
    assert sorted(edge[:2] for edge in drawn.edges) == sorted((f"s{n}", f"s{n + 1}") for n in range(count - 1))
    left_out = count * (count - 1) // 2 - (count - 1)
    assert f"{left_out:,} connections that follow from others are not drawn." in drawn.texts


def test_what_has_too_many_edges_all_the_same_is_refused() -> None:
    with pytest.raises(TooLarge):
        _draw(_steps(400), _edges(*_layers(20, 20)))


def test_edges_to_one_step_share_a_way_where_there_are_many_and_never_with_one_that_was_not_taken() -> None:
    count = 120
    chain = [Edge(f"s{number}", f"s{number + 1}") for number in range(count - 2)]
    ends = [Edge(f"s{number}", f"s{count - 1}", None, number % 2 == 0) for number in range(count - 1)]
    drawn = _draw(_steps(count), [*chain, *ends])
    target = drawn.nodes[f"s{count - 1}"]
    arriving = [points[-1] for _, end, points in drawn.edges if end == f"s{count - 1}" and target.holds(points[-1], 1)]
    assert 2 <= len(arriving) <= 4
    _lies_within(drawn)


def test_the_order_of_the_steps_is_kept_where_nothing_crosses_in_it() -> None:
    groups = range(14)
    checks = [(0, 1 + 4 * group) for group in groups]
    ways = [(1 + 4 * group, 1 + 4 * group + way) for group in groups for way in (1, 2)]
    joins = [(1 + 4 * group + way, 1 + 4 * group + 3) for group in groups for way in (1, 2)]
    drawn = _draw(_steps(57), _edges(*checks, *ways, *joins))
    rows: dict[float, list[tuple[float, int]]] = {}
    for number in range(57):
        rect = drawn.nodes[f"s{number}"]
        along, across = (rect.top, rect.left) if drawn.is_down else (rect.left, rect.top)
        rows.setdefault(along, []).append((across, number))
    for row in rows.values():
        assert [number for _, number in sorted(row)] == sorted(number for _, number in row)


def test_layers_keep_edges_short_and_lead_on() -> None:
    pairs = _at_random(200, 3)
    rank = ranked(200, pairs)
    assert all(rank[source] < rank[target] for source, target in pairs)
    assert min(rank) == 0


def test_what_follows_from_other_edges_is_found() -> None:
    edges = [*_edges((0, 1), (1, 2), (0, 2), (2, 3), (0, 3)), Edge("s0", "s2", "approved")]
    kept = without_implied(Graph("", _steps(4), edges)).edges
    assert [(edge.source, edge.target, edge.port) for edge in kept] == [
        ("s0", "s1", None), ("s1", "s2", None), ("s2", "s3", None), ("s0", "s2", "approved"),
    ]  # fmt: skip
