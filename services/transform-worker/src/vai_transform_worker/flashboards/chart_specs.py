"""The Vega-Lite specification of a chart, with its rows: of a type and three columns, or as it was given."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from vai_drawing.chart_looks import config
from vai_records.flashboards.tiles import ChartTile

Json = dict[str, Any]

MOST_SLICES: Final = 10
"""Of a pie; the smaller ones become one."""

_BANDS: Final = 62  # so many days or hours have a bar each; more stand on an axis of time
_POINTS: Final = 40  # a line of so many rows shows each of them
_TALLEST: Final = 1_400
_BAR: Final = 22  # pixels of a horizontal bar
_NUMBER = re.compile(r"(?:U?(?:TINY|SMALL|BIG|HUGE)INT|U?INTEGER|FLOAT|DOUBLE|DECIMAL\(.*\))")
_TIME = re.compile(r"DATE|TIMESTAMP.*")


class NoSuchColumn(Exception):
    """The message says which, and which there are."""


def specification(tile: ChartTile, columns: Sequence[Mapping[str, str]], rows: list[Json], width: int) -> Json:
    """What is drawn, at most so many pixels wide. Raises `NoSuchColumn`."""
    kinds = {each["name"]: kind_of(each["type"]) for each in columns}
    numbers, times = [{name for name, kind in kinds.items() if kind == one} for one in ("quantitative", "temporal")]
    values = [{name: _value(name, value, numbers, times) for name, value in row.items()} for row in rows]
    base = {"config": config(), "background": None}
    if tile.spec is not None:
        return _given(tile.spec, values, width, tile.height) | base
    fields = _fields(tile, list(kinds))
    renamed = [{f"c{place}": row.get(name) for place, name in enumerate(fields)} for row in values]
    chart = _Chart(tile, fields, [kinds[name] for name in fields], renamed)
    return chart.specification(width) | base


def kind_of(column_type: str) -> str:
    """`quantitative`, `temporal` or `nominal`."""
    if _NUMBER.fullmatch(column_type):
        return "quantitative"
    return "temporal" if _TIME.fullmatch(column_type) else "nominal"


def _value(name: str, value: Any, numbers: set[str], times: set[str]) -> Any:
    if name in numbers:
        try:
            return float(value) if isinstance(value, str) else value
        except ValueError:
            return None
    if name in times and isinstance(value, str):
        moment = value.replace(" ", "T")
        return f"{moment}:00" if "T" in moment and moment[-3:-2] in ("+", "-") else moment
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)


def _given(spec: Mapping[str, Any], values: list[Json], width: int, height: int) -> Json:
    made = {key: value for key, value in spec.items() if key not in ("$schema", "config", "background", "width")}
    made["data"] = {"values": values}
    if "mark" in spec or "layer" in spec:
        made |= {
            "width": width,
            "height": spec.get("height", height),
            "autosize": {"type": "fit", "contains": "padding"},
        }
    return made


def _fields(tile: ChartTile, names: list[str]) -> list[str]:
    """The columns of x, y and, if there is one, the series."""
    given = [tile.x, tile.y, tile.series]
    free = [name for name in names if name not in given]
    found = []
    for place, wanted in enumerate(given):
        if wanted is None and (not free or (place == 2 and (tile.x or tile.y))):
            break
        name = free.pop(0) if wanted is None else wanted
        if name not in names:
            raise NoSuchColumn(f"there is no column {name!r}; there are: {', '.join(names)[:500]}")
        found.append(name)
    if len(found) < 2:
        raise NoSuchColumn(f"a chart needs two columns, x and y; there are: {', '.join(names)[:500]}")
    return found


class _Chart:
    """A chart by its type: `c0` is x, `c1` is y, `c2` is the series."""

    def __init__(self, tile: ChartTile, fields: list[str], kinds: list[str], rows: list[Json]) -> None:
        self._tile, self._fields, self._kinds, self._rows = tile, fields, kinds, rows
        self._places = list(dict.fromkeys(row["c0"] for row in rows))

    def specification(self, width: int) -> Json:
        made: Json = {
            "width": width,
            "height": self._height(),
            "autosize": {"type": "fit", "contains": "padding"},
            "data": {"values": self._pie_rows() if self._tile.chart == "pie" else self._rows},
            "mark": self._mark(width),
            "encoding": self._pie() if self._tile.chart == "pie" else self._encoding(width),
        }
        return made

    def _height(self) -> int:
        if self._tile.chart != "horizontal_bar":
            return self._tile.height
        return min(_TALLEST, max(self._tile.height, _BAR * len(self._places) + 40))

    def _mark(self, width: int) -> Json:
        kind = self._tile.chart
        if kind == "line":
            return {"type": "line", "point": {"size": 30} if len(self._places) <= _POINTS else False}
        if kind == "area":
            return {"type": "area", "opacity": 0.75, "line": len(self._fields) < 3}
        if kind == "pie":
            return {"type": "arc", "innerRadius": 48, "padAngle": 0.01}
        if kind == "bar" and self._is_on_axis():
            return {"type": "bar", "size": max(1, int(0.8 * width / max(1, len(self._places))))}
        return {"type": "point" if kind == "point" else "bar"}

    def _encoding(self, width: int) -> Json:
        along = self._x(width)
        up: Json = {"field": "c1", "type": self._kinds[1], "title": _words(self._fields[1])}
        if self._kinds[1] == "quantitative":
            up["axis"] = {"format": self._format()}
            if self._tile.chart in ("line", "point"):
                up["scale"] = {"zero": False, "nice": True}
        flat = self._tile.chart == "horizontal_bar"
        if flat:
            along |= {"axis": {"domain": False, "ticks": False, "grid": False, "labelLimit": max(80, width // 3)}}
            up["axis"] = {"format": self._format(), "grid": True, "domain": False}
        found = {"y": along, "x": up} if flat else {"x": along, "y": up}
        if len(self._fields) > 2:
            legend = {"columns": max(1, width // 170)}
            named = {"title": _words(self._fields[2]), "legend": {**legend, "title": None}}
            found["color"] = {"field": "c2", "type": "nominal", "sort": None, **named}
        return found

    def _x(self, width: int) -> Json:
        kind, title = self._kinds[0], _words(self._fields[0])
        bands = self._tile.chart in ("bar", "horizontal_bar")
        if kind == "temporal":
            axis: Json = {"tickCount": max(2, min(width // 90, len(self._places))), "title": None}
            if not bands or self._is_on_axis():
                return {"field": "c0", "type": "temporal", "scale": {"type": "utc"}, "title": title, "axis": axis}
            unit, written = self._unit()
            axis = {"format": written, "labelOverlap": "greedy", "labelAngle": 0, "ticks": False, "title": None}
            return {"field": "c0", "type": "ordinal", "timeUnit": unit, "title": title, "axis": axis}
        if kind == "quantitative" and not bands:
            return {"field": "c0", "type": "quantitative", "scale": {"zero": False}, "title": title}
        turned = -35 if sum(len(str(each)) + 2 for each in self._places) * 6 > width else 0
        axis = {"labelAngle": turned, "ticks": False}
        return {"field": "c0", "type": "nominal", "sort": None, "title": title, "axis": axis}

    def _is_on_axis(self) -> bool:
        return self._kinds[0] == "temporal" and len(self._places) > _BANDS

    def _unit(self) -> tuple[str, str]:
        """The unit of time of the bars, and how it is written."""
        texts = [str(each) for each in self._places if each is not None]
        if all(text[10:] in ("", "T00:00:00") for text in texts):
            if all(text[8:10] == "01" for text in texts) and len(texts) > 1:
                return "utcyearmonth", "%b %Y"
            return "utcyearmonthdate", "%d %b"
        return "utcyearmonthdatehoursminutes", "%d %b %H:%M"

    def _format(self) -> str:
        most = max((abs(row["c1"]) for row in self._rows if isinstance(row["c1"], int | float)), default=0)
        return "~s" if most >= 10_000 else "~g" if most < 1 else ",.6~g" if most < 1_000 else ",~r"

    def _pie_rows(self) -> list[Json]:
        """The largest slices; the others are one."""
        rows = [row for row in self._rows if isinstance(row["c1"], int | float) and row["c1"] > 0]
        rows.sort(key=lambda row: -float(row["c1"]))
        if len(rows) <= MOST_SLICES:
            return rows
        left = sum(row["c1"] for row in rows[MOST_SLICES - 1 :])
        return [*rows[: MOST_SLICES - 1], {"c0": f"{len(rows) - MOST_SLICES + 1} others", "c1": left}]

    def _pie(self) -> Json:
        return {
            "theta": {"field": "c1", "type": "quantitative", "stack": True, "title": _words(self._fields[1])},
            "color": {
                "field": "c0",
                "type": "nominal",
                "sort": None,
                "title": _words(self._fields[0]),
                "legend": {"orient": "right", "title": None},
            },
            "order": {"field": "c1", "type": "quantitative", "sort": "descending"},
        }


def _words(name: str) -> str:
    return name.replace("_", " ")
