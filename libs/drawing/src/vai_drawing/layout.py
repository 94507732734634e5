"""Places everything in a drawing: the boxes of nodes, the ways of edges, and labels. Lengths are in px."""

from collections.abc import Sequence
from dataclasses import dataclass

from vai_drawing import Graph
from vai_drawing.alignment import NODE_GAP
from vai_drawing.layering import Layers, Wire, layered
from vai_drawing.lettering import fitted, width
from vai_drawing.ordering import ordered
from vai_drawing.placing import LAYER_GAP, Places, Point, Size, placed

MOST_VERTICES = 8_000
"""The largest number of nodes and passages together. This many take a second or two to compute."""

NODE_WIDTH = 248
LABEL_HEIGHT = 18
LABEL_SIZE = 11

_MOST_LABEL = 130
_BROAD = 1_400  # a drawing that is wider than this goes from left to right, if that is narrower
_ALONE_GAP = 26


class TooLarge(Exception):
    """The drawing would have more vertices than `MOST_VERTICES`."""


@dataclass(frozen=True)
class Label:
    text: str
    centre: Point
    width: float


@dataclass(frozen=True)
class Way:
    """An edge: from point 0 to 1, 2 to 3, … a curve from layer to layer; from 1 to 2, 3 to 4, … straight through a
    layer, past its nodes. One that `joins` ends on the way of another edge to the same target, without a tip."""

    points: list[Point]
    label: Label | None
    joins: bool = False


@dataclass(frozen=True)
class Layout:
    """Centres of the nodes and ways of the edges, by their numbers in the graph. All points lie between 0 and `size`.

    `down`: edges leave at the bottom and come in at the top, else right and left. An edge from a node to itself has no
    way.
    """

    size: Size
    down: bool
    centres: dict[int, Point]
    ways: dict[int, Way]


def lay_out(graph: Graph, node_height: float) -> Layout:
    """Place from top to bottom, or from left to right if that is narrower: a long chain goes down, a wide fan goes
    right.

    Nodes without edges stand below all others, in rows. Raises `TooLarge`.
    """
    index = {node.key: number for number, node in enumerate(graph.nodes)}
    ends = {number: (index[edge.source], index[edge.target]) for number, edge in enumerate(graph.edges)}
    ends = {number: (source, target) for number, (source, target) in ends.items() if source != target}
    joined = {node: vertex for vertex, node in enumerate(sorted({node for pair in ends.values() for node in pair}))}
    pairs = [(joined[source], joined[target]) for source, target in ends.values()]
    texts = [fitted(graph.edges[number].port or "", LABEL_SIZE, _MOST_LABEL) for number in ends]
    looks = [graph.edges[number].taken for number in ends]
    wires = [Wire(*pair, bool(text), look) for pair, text, look in zip(pairs, texts, looks, strict=True)]
    layers = layered(len(joined), wires)
    if len(layers.rank) > MOST_VERTICES:
        raise TooLarge
    rows = ordered(layers, len(joined))
    sizes = _sizes(layers, len(joined), texts, node_height)
    places = placed(layers, rows, len(joined), sizes, _goes_down(rows, sizes))
    centres = {node: places.centre(vertex) for node, vertex in joined.items()}
    alone = [number for number in range(len(graph.nodes)) if number not in joined]
    size = _add_alone(centres, alone, places.size, node_height)
    ways = {number: _way(places, layers, order, texts[order]) for order, number in enumerate(ends)}
    return Layout(size, places.down, centres, ways)


def _sizes(layers: Layers, nodes: int, texts: list[str], node_height: float) -> list[Size]:
    sizes: list[Size] = [(NODE_WIDTH, node_height)] * nodes
    sizes += [(0, 0)] * (len(layers.rank) - nodes)
    for order, vertex in layers.labels.items():
        sizes[vertex] = (_label_width(texts[order]), LABEL_HEIGHT)
    return sizes


def _label_width(text: str) -> float:
    return width(text, LABEL_SIZE) + 10


def _goes_down(rows: Sequence[Sequence[int]], sizes: list[Size]) -> bool:
    """Choose the direction by the smallest width that each one needs."""
    abreast = max((sum(sizes[vertex][0] + NODE_GAP for vertex in row) for row in rows), default=0)
    in_a_row = sum(max(sizes[vertex][0] for vertex in row) + LAYER_GAP for row in rows)
    return abreast <= _BROAD or abreast <= in_a_row


def _way(places: Places, layers: Layers, order: int, text: str) -> Way:
    vertex = layers.labels.get(order)
    label = None if vertex is None else Label(text, places.centre(vertex), _label_width(text))
    return Way(places.way(layers.chains[order]), label, order in layers.joins)


def _add_alone(centres: dict[int, Point], alone: list[int], size: Size, node_height: float) -> Size:
    """Place the nodes without edges below the others, in rows of the same width. Return the new size."""
    if not alone:
        return size
    breadth, height = size
    columns = max(int((breadth + _ALONE_GAP) // (NODE_WIDTH + _ALONE_GAP)), 4)
    top = height + 2 * _ALONE_GAP if height else 0
    for order, node in enumerate(alone):
        row, column = divmod(order, columns)
        x = column * (NODE_WIDTH + _ALONE_GAP) + NODE_WIDTH / 2
        centres[node] = (x, top + row * (node_height + _ALONE_GAP) + node_height / 2)
    rows = -(-len(alone) // columns)
    own_breadth = min(columns, len(alone)) * (NODE_WIDTH + _ALONE_GAP) - _ALONE_GAP
    return max(breadth, own_breadth), top + rows * (node_height + _ALONE_GAP) - _ALONE_GAP
