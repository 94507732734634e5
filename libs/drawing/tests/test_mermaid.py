import re

import pytest

from vai_drawing import Edge, Graph, Node
from vai_drawing.looks import LOOKS, spoken
from vai_drawing.mermaid import mermaid

EVIL = [
    '"]; click n0 "javascript:alert(1)"',
    "<img src=x onerror=alert(1)>",
    "%%{init: {'theme': 'dark'}}%%",
    "`**bold**`",
    "line\nn9 --> n8",
    "&lt;b&gt; #quot; #35;",
    "style x:y #a;",
    "a]:::failed|b|{c}@{shape: x}",
]


def _drawn(*nodes: Node, edges: tuple[Edge, ...] = (), title: str = "") -> list[str]:
    return mermaid(Graph(title, nodes, edges)).splitlines()


def test_a_graph_is_a_flowchart_from_top_to_bottom() -> None:
    nodes = (Node("load", "Load orders", "dlt_extract"), Node("mail", "", "http_request"))
    assert _drawn(*nodes, edges=(Edge("load", "mail"),)) == [
        "flowchart TD",
        '  n0["Load orders<br/>dlt_extract"]',
        '  n1["mail<br/>http_request"]',
        "  n0 --> n1",
    ]


def test_a_graph_without_steps_says_so() -> None:
    assert _drawn() == ["flowchart TD", '  none["No steps"]']


def test_a_node_shows_note_state_and_duration() -> None:
    node = Node("load", "Load", "dlt_extract", "completed", 75, "on_error")
    assert _drawn(node)[1] == '  n0["Load<br/>dlt_extract<br/>on_error<br/>✓ completed · 1 min 15 s"]:::completed'


@pytest.mark.parametrize("state", LOOKS)
def test_every_state_has_a_class_a_sign_and_a_word(state: str) -> None:
    node, style = _drawn(Node("a", "A", "fetch_page", state))[1:]
    assert node.endswith(f'{LOOKS[state].sign} {state.replace("_", " ")}"]:::{state}')
    assert re.fullmatch("[a-z_]+", state), "Mermaid takes no other class's name"
    assert style.startswith(f"  classDef {state} fill:#")


def test_only_classes_that_are_used_are_defined() -> None:
    assert [line for line in _drawn(Node("a", "A", "fetch_page")) if "classDef" in line] == []


def test_a_state_that_is_not_known_is_told_without_a_class() -> None:
    assert _drawn(Node("a", "A", "fetch_page", "x]y"))[1] == '  n0["A<br/>fetch_page<br/>x#93;y"]'


def test_ports_are_labels_and_edges_not_taken_are_dashed_and_grey() -> None:
    nodes = [Node(key, key, "approval_gate") for key in "abc"]
    edges = (Edge("a", "b", "approved", True), Edge("a", "c", "rejected", False))
    lines = _drawn(*nodes, edges=edges)
    assert '  n0 -->|"approved"| n1' in lines
    assert '  n0 -.->|"rejected"| n2' in lines
    assert [line for line in lines if "linkStyle" in line] == ["  linkStyle 1 stroke:#b4bcc8,color:#57606a"]


@pytest.mark.parametrize("evil", EVIL)
def test_what_means_something_to_mermaid_is_written_as_a_number(evil: str) -> None:
    lines = _drawn(Node("a", evil, evil, evil, 1, evil), Node(evil, "", ""), edges=(Edge("a", evil, evil),))
    text = r"""(?:[\w ,.?!'=/()+…·✓-]|#\d+;|<br/>)*"""
    assert len(lines) == 4
    assert re.fullmatch(rf'  n0\["{text}"\]', lines[1])
    assert re.fullmatch(rf'  n1\["{text}"\]', lines[2])
    assert re.fullmatch(rf'  n0 -->\|"{text}"\| n1', lines[3])


@pytest.mark.parametrize("evil", EVIL)
def test_a_title_stays_within_its_quotes(evil: str) -> None:
    opening, title, closing, *_ = _drawn(title=evil)
    assert (opening, closing) == ("---", "---")
    assert re.fullmatch(r'title: "(?:[\w ,./()+…·-]|\\u[0-9a-f]{4})*"', title)
    assert not re.search("003c|003e|0026", title)


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("1. a list", "#49;. a list"),
        ("- a list", "#45; a list"),
        ("$$x$$", "#36;#8203;#36;x#36;#8203;#36;"),
        ("fa:fa-car", "fa#58;#8203;fa-car"),
        ("_a_b_", "#95;a_b#95;"),
        ("x" * 100, "x" * 59 + "…"),
    ],
)
def test_neither_markdown_nor_formulas_nor_icons_are_made_of_a_name(name: str, shown: str) -> None:
    assert _drawn(Node("a", name, "k"))[1] == f'  n0["{shown}<br/>k"]'


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0.0 s"),
        (0.04, "0.0 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.6, "1 min"),
        (75, "1 min 15 s"),
        (3_600, "1 h"),
        (7_260, "2 h 1 min"),
        (90_061, "1 d 1 h"),
    ],
)
def test_a_duration_is_told_in_its_two_largest_units(seconds: float, said: str) -> None:
    assert spoken(seconds) == said
