"""Every panel of every dashboard as it looked on a live stack, and what was wrong with it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape

from tools.deploy.dashboards.build import DASHBOARDS
from tools.deploy.dashboards.panels import Dashboard, Panel, Query
from tools.deploy.live.plot import legend, plot, spoken
from tools.deploy.live.prometheus import Line, Prometheus

_VALUES = {"$__rate_interval": "15s", "$namespace": ".*", "$kind": "dlt_extract"}
_LEGEND = re.compile(r"{{(\w+)}}")
_STYLE = """
body { font: 14px system-ui, sans-serif; margin: 24px; color: #222; background: #f4f5f7 }
h2 { margin: 32px 0 4px } h3 { margin: 18px 0 6px; color: #555 } section { display: flex; flex-wrap: wrap; gap: 12px }
article { background: #fff; border: 1px solid #ddd; border-radius: 6px; padding: 10px; width: 462px }
article.bad { border-color: #d62728 } h4 { margin: 0 } p { margin: 2px 0 6px; color: #666; font-size: 12px }
polyline { fill: none; stroke-width: 1.6 } svg text { font-size: 10px; fill: #666 } .y { text-anchor: end }
.g { stroke: #e3e3e3 } .n { font-size: 34px; text-align: center; padding: 18px }
.l { margin-right: 10px; font-size: 11px }
.l i { display: inline-block; width: 10px; height: 10px; margin-right: 4px } .f { color: #d62728 }
"""


@dataclass(frozen=True)
class Shown:
    """A panel with what its queries answered; `faults` in words."""

    panel: Panel
    lines: list[tuple[str, Line]]
    faults: list[str]


async def shown(page: Dashboard, prometheus: Prometheus, first: float, last: float) -> list[Shown]:
    """Each panel of a dashboard, over a stretch of time."""
    return [await _asked(panel, prometheus, first, last) for panel in page.panels]


async def _asked(panel: Panel, prometheus: Prometheus, first: float, last: float) -> Shown:
    lines: list[tuple[str, Line]] = []
    faults = []
    for query in panel.queries:
        try:
            answer = [line for line in await prometheus.between(_plain(query), first, last) if line.points]
        except ValueError as refused:
            faults.append(f"refused: {refused}")
            continue
        if not answer and not panel.quiet:
            faults.append(f"no data: {_plain(query)}")
        lines += [(_name(query, panel, line), line) for line in answer]
    if lines and not panel.quiet and not any(value for _, line in lines for _, value in line.points):
        faults.append("it stands at zero")
    return Shown(panel, lines, faults)


def _plain(query: Query) -> str:
    expr = query.scoped
    for name, value in _VALUES.items():
        expr = expr.replace(name, value)
    return expr


def _name(query: Query, panel: Panel, line: Line) -> str:
    return _LEGEND.sub(lambda found: line.labels.get(found[1], ""), query.legend) or panel.title


def html(pages: dict[str, list[Shown]], first: float, last: float) -> str:
    """The whole page."""
    return f'<!doctype html><meta charset="utf-8"><title>VAI dashboards</title><style>{_STYLE}</style>' + "".join(
        part for page in DASHBOARDS for part in _page(page, pages[page.uid], first, last)
    )


def _page(page: Dashboard, panels: list[Shown], first: float, last: float) -> Iterator[str]:
    yield f"<h2>{escape(page.title)}</h2><p>{escape(page.description)}</p>"
    left = iter(panels)
    for title, row in page.rows:
        yield f"<h3>{escape(title)}</h3><section>"
        for _ in row:
            yield _article(next(left), first, last)
        yield "</section>"


def _article(one: Shown, first: float, last: float) -> str:
    panel, lines = one.panel, [line for _, line in one.lines]
    bad = "".join(f'<p class="f">{escape(fault)}</p>' for fault in one.faults)
    head = f"<h4>{escape(panel.title)}</h4><p>{escape(panel.description)}</p>{bad}"
    if not lines:
        body = f"<p>Nothing: {escape(panel.quiet or 'no data')}.</p>"
    elif panel.shape == "number":
        body = f'<div class="n">{spoken(lines[0].points[-1][1], panel.unit)}</div>'
    else:
        names = "".join(
            legend(number, name, spoken(line.points[-1][1], panel.unit))
            for number, (name, line) in enumerate(one.lines)
        )
        body = plot(lines, panel.unit, first, last, panel.top) + f"<div>{names}</div>"
    return f'<article class="{"bad" if one.faults else "good"}">{head}{body}</article>'
