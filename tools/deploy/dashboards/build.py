"""Grafana's JSON of a dashboard, with the builders of Grafana's own SDK."""

from collections.abc import Iterator
from itertools import count

from grafana_foundation_sdk.builders import common, dashboard, prometheus, stat, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement, StackingMode, TooltipDisplayMode
from grafana_foundation_sdk.models.dashboard import (
    DashboardCursorSync,
    DataSourceRef,
    GridPos,
    VariableOption,
    VariableRefresh,
)

from tools.deploy.dashboards.machinery import CAPACITY, SERVERS
from tools.deploy.dashboards.overview import KIND, OVERVIEW
from tools.deploy.dashboards.panels import Dashboard, Panel
from tools.deploy.dashboards.work import AUTOMATIONS, DATA

DASHBOARDS = (OVERVIEW, KIND, DATA, AUTOMATIONS, SERVERS, CAPACITY)

_SOURCE = DataSourceRef(type_val="prometheus", uid="${datasource}")
_ACROSS, _ROW = 24, 1
_NUMBER, _PLOT = (4, 4), (12, 8)
"""Width and height."""


def json_of(page: Dashboard) -> str:
    """As it is committed: keys in order, an end of line."""
    return JSONEncoder(sort_keys=True, indent=2).encode(_page(page).build()) + "\n"


def _page(page: Dashboard) -> dashboard.Dashboard:
    built = dashboard.Dashboard(page.title).uid(page.uid).description(page.description).tags(["vai"]).readonly()
    built = built.time("now-1h", "now").refresh("30s").timezone("browser").tooltip(DashboardCursorSync.CROSSHAIR)
    source = dashboard.DatasourceVariable("datasource").label("Data source").type("prometheus")
    built = built.with_variable(source).with_variable(_asked("namespace", "Namespace", "vai_build_info", ".*"))
    if page.asks_kind:
        built = built.with_variable(_asked("kind", "Kind", "vai_runs_live", None))
    for row in _placed(page):
        built = built.with_row(row) if isinstance(row, dashboard.Row) else built.with_panel(row)
    return built


def _asked(name: str, label: str, metric: str, everything: str | None) -> dashboard.QueryVariable:
    """A variable whose values are those of a label."""
    asked = dashboard.QueryVariable(name).label(label).datasource(_SOURCE).refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    asked = asked.query(f"label_values({metric}, {name})")
    if everything is None:
        return asked.current(VariableOption(True, "dlt_extract", "dlt_extract"))
    return asked.include_all(True).all_value(everything).current(VariableOption(True, "All", "$__all"))


def _placed(page: Dashboard) -> Iterator[dashboard.Row | stat.Panel | timeseries.Panel]:
    """Headings and panels from left to right, each with its place."""
    down, numbers = 0, count(1)
    for title, panels in page.rows:
        yield dashboard.Row(title).grid_pos(GridPos(h=_ROW, w=_ACROSS, x=0, y=down)).id(next(numbers))
        down, across, height = down + _ROW, 0, 0
        for panel in panels:
            width, tall = _NUMBER if panel.shape == "number" else _PLOT
            if across + width > _ACROSS:
                down, across, height = down + height, 0, 0
            yield _panel(panel, GridPos(h=tall, w=width, x=across, y=down)).id(next(numbers))
            across, height = across + width, max(height, tall)
        down += height


def _panel(panel: Panel, place: GridPos) -> stat.Panel | timeseries.Panel:
    built: stat.Panel | timeseries.Panel = _number() if panel.shape == "number" else _plot(panel)
    built = built.title(panel.title).description(panel.description).unit(panel.unit).datasource(_SOURCE)
    built = built.grid_pos(place).min(0)
    if panel.top is not None:
        built = built.max(panel.top)
    for number, query in enumerate(panel.queries):
        asked = prometheus.Dataquery().expr(query.scoped).ref_id(chr(ord("A") + number)).datasource(_SOURCE)
        built = built.with_target(asked.legend_format(query.legend) if query.legend else asked)
    return built


def _number() -> stat.Panel:
    return stat.Panel().reduce_options(common.ReduceDataOptions().calcs(["lastNotNull"]).values(False))


def _plot(panel: Panel) -> timeseries.Panel:
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).placement(LegendPlacement.BOTTOM)
    built = timeseries.Panel().fill_opacity(30 if panel.shape == "stack" else 5)
    built = built.legend(legend.show_legend(True)).tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if panel.shape == "stack":
        built = built.stacking(common.StackingConfig().mode(StackingMode.NORMAL).group("A"))
    return built
