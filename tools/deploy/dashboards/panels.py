"""What a dashboard is made of: panels with queries, a unit and a description; Grafana's JSON is made from them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Shape = Literal["lines", "stack", "number"]
Unit = Literal["short", "s", "bytes", "Bps", "percentunit", "reqps", "ops", "bool"]

_SELECTOR = re.compile(r"\b((?:vai|process)_[a-z_]+)(?:\{([^}]*)\})?(?=[\s)\[,]|$)")
SCOPE = 'namespace=~"$namespace"'
"""Every query is of one installation; where nothing adds a namespace, `.*` finds what has none."""


@dataclass(frozen=True)
class Query:
    """One expression of PromQL, and how its lines are called."""

    expr: str
    legend: str = ""

    @property
    def scoped(self) -> str:
        """The expression with each selector held to the chosen namespace."""

        def hold(found: re.Match[str]) -> str:
            return f"{found[1]}{{{', '.join(filter(None, (found[2], SCOPE)))}}}"

        return _SELECTOR.sub(hold, self.expr)


@dataclass(frozen=True)
class Panel:
    """One picture. `quiet` says why it may show nothing, or only zero, while everything is well and busy."""

    title: str
    description: str
    queries: tuple[Query, ...]
    unit: Unit = "short"
    shape: Shape = "lines"
    quiet: str = ""
    top: float | None = None
    """The upper end of the scale, where it is known."""


@dataclass(frozen=True)
class Dashboard:
    """A page of panels, in rows with a heading; `kind` asks which kind it is about."""

    uid: str
    title: str
    description: str
    rows: tuple[tuple[str, tuple[Panel, ...]], ...]
    asks_kind: bool = False

    @property
    def panels(self) -> list[Panel]:
        return [panel for _, panels in self.rows for panel in panels]


RATE = "[$__rate_interval]"


def rate(metric: str, by: str = "", legend: str = "") -> Query:
    """How often a second, over all processes; by a label, where one is named."""
    grouped = f"sum by ({by}) " if by else "sum"
    return Query(f"{grouped}(rate({metric}{RATE}))", legend or (f"{{{{{by}}}}}" if by and "," not in by else ""))


def rate_or_zero(metric: str, legend: str) -> Query:
    """The same for what has never happened, perhaps: then there is no series yet, and it is 0."""
    return Query(f"sum(rate({metric}{RATE})) or vector(0)", legend)


def most(metric: str, by: str = "", legend: str = "") -> Query:
    """A gauge that every replica of the dispatcher tells."""
    grouped = f"max by ({by}) " if by else "max"
    return Query(f"{grouped}({metric})", legend or (f"{{{{{by}}}}}" if by else ""))


def quantiles(metric: str, shares: Sequence[float] = (0.5, 0.99), labels: str = "", by: str = "") -> tuple[Query, ...]:
    """What so many of all observations stay below."""
    grouped = f"le, {by}" if by else "le"
    return tuple(
        Query(
            f"histogram_quantile({share}, sum by ({grouped}) (rate({metric}_bucket{labels}{RATE})))",
            f"p{share * 100:g}" + (f" {{{{{by}}}}}" if by else ""),
        )
        for share in shares
    )


def of_service(expr: str) -> str:
    """The sum of what processes tell, by the service that they are."""
    return f"sum by (service) ({expr} * on (instance) group_left (service) vai_build_info)"
