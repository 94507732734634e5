"""The colours and letters of charts. A page in dark mode gives the plain colours others, by these values."""

from typing import Any, Final

INK: Final = "#1f2733"
MUTED: Final = "#5c6675"
AXIS: Final = "#c3cad4"
GRID: Final = "#e4e8ee"
SERIES: Final = ("#3b7dd8", "#e08a2e", "#2f9e83", "#c2527a", "#7b68c8", "#8a9a3b", "#c7543f", "#4aa3b8")
"""Seen well on white and on black."""

IN_DARK: Final = {INK: "#e8ecf2", MUTED: "#a5b0bf", AXIS: "#4a5463", GRID: "#2c343f"}

FONT: Final = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Liberation Sans', Arial, sans-serif"
"""Of the page. Widths of letters are measured with one that is alike."""


def config() -> dict[str, Any]:
    """The `config` of every chart."""
    words = {"labelColor": MUTED, "titleColor": MUTED, "labelFontSize": 11, "titleFontSize": 11}
    return {
        "font": "Liberation Sans, Arial, sans-serif",
        "background": None,
        "view": {"stroke": None},
        "axis": {
            **words,
            "gridColor": GRID,
            "domainColor": AXIS,
            "tickColor": AXIS,
            "titleFontWeight": "normal",
            "titlePadding": 8,
            "labelLimit": 140,
            "labelOverlap": "greedy",
            "labelPadding": 5,
        },
        "axisY": {"domain": False, "ticks": False, "tickCount": 5},
        "axisX": {"grid": False},
        "legend": {
            **words,
            "title": None,
            "orient": "top",
            "symbolType": "circle",
            "symbolSize": 70,
            "labelLimit": 160,
        },
        "title": {"color": INK, "fontSize": 13},
        "header": words,
        "range": {"category": list(SERIES)},
        "mark": {"color": SERIES[0]},
        "bar": {"cornerRadiusEnd": 2},
        "line": {"strokeWidth": 2, "strokeJoin": "round"},
        "point": {"filled": True, "size": 35},
        "text": {"color": INK},
        "rule": {"color": MUTED},
        "arc": {"stroke": None},
    }
