"""Writes a graph as Mermaid text, for documents and chats that draw it themselves.

Characters with a meaning in Mermaid, Markdown, HTML or YAML are written as numbers, so a name is shown and never
interpreted. Tested with Mermaid 11 in its loosest security setting.
"""

import re

from vai_drawing import Edge, Graph, Node
from vai_drawing.lettering import clean, shortened
from vai_drawing.looks import LOOKS, PLAIN, look_of, spoken, worded

_MOST_NAME, _MOST_OTHER = 60, 40
_MEANT = re.compile(r"[^\w ,.?!'=/()+…·-]|^[\d+-]|(?<![^\W_])_|_(?![^\W_])")
_INVISIBLE = "\u200b"  # between two dollars it prevents a formula, after a colon an icon
_IN_TITLES = str.maketrans("<>&", "‹›+")  # Mermaid reads titles as HTML and does not decode numbers there


def mermaid(graph: Graph) -> str:
    """A flowchart; its nodes are called n0, n1, … in the graph's order. Mermaid itself draws 500 edges at most,
    unless whoever shows it has set `maxEdges`."""
    names = {node.key: f"n{number}" for number, node in enumerate(graph.nodes)}
    title = clean(graph.title)
    lines = ["---", f'title: "{_yaml(title)}"', "---"] if title else []
    lines.append("flowchart TD")
    lines += [_node(names[node.key], node) for node in graph.nodes] or ['  none["No steps"]']
    lines += [_edge(names, edge) for edge in graph.edges]
    lines += _styles(graph)
    return "\n".join(lines) + "\n"


def _node(name: str, node: Node) -> str:
    look = look_of(node.state)
    told = [_label(clean(node.name) or node.key, _MOST_NAME), _label(node.kind, _MOST_OTHER)]
    told.append(_label(node.note or "", _MOST_OTHER))
    lasted = spoken(node.seconds) if node.seconds is not None else ""
    state = _label(worded(node.state), _MOST_OTHER)
    told.append(" · ".join(filter(None, (f"{look.sign} {state}".strip(), lasted))))
    shown = "<br/>".join(filter(None, told))
    return f'  {name}["{shown}"]' + (f":::{node.state}" if node.state in LOOKS else "")


def _edge(names: dict[str, str], edge: Edge) -> str:
    arrow = "-.->" if edge.taken is False else "-->"
    port = _label(edge.port or "", _MOST_OTHER)
    label = f'|"{port}"|' if port else ""
    return f"  {names[edge.source]} {arrow}{label} {names[edge.target]}"


def _styles(graph: Graph) -> list[str]:
    """One class for each state that is there, and grey for edges that were not taken."""
    there = {node.state for node in graph.nodes}
    lines = [
        f"  classDef {state} fill:{look.paper},stroke:{look.ink},color:{look.ink}"
        + (",stroke-dasharray:5 3" if look.dashed else "")
        for state, look in LOOKS.items()
        if state in there
    ]
    untaken = [str(number) for number, edge in enumerate(graph.edges) if edge.taken is False]
    if untaken:
        lines.append(f"  linkStyle {','.join(untaken)} stroke:#b4bcc8,color:{PLAIN.ink}")
    return lines


def _label(text: str, most: int) -> str:
    text = re.sub(r"\$(?=\$)|:(?=fa-)", lambda found: found[0] + _INVISIBLE, shortened(text, most))
    return _MEANT.sub(lambda found: f"#{ord(found[0])};", text)


def _yaml(text: str) -> str:
    """The inside of a string in double quotes."""
    text = shortened(text, 2 * _MOST_NAME).translate(_IN_TITLES)
    return re.sub(r"[^\w ,./()+…·-]", lambda found: _escape(ord(found[0])), text)


def _escape(code: int) -> str:
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
