"""Is an expression of PromQL sound: does it parse, and is every metric and label in it one that there is?"""

import re
from collections.abc import Iterator, Mapping

import promql_parser as promql

from tools.metrics_page import declared

EVERYWHERE = frozenset(("instance", "job", "namespace", "pod", "container", "service"))
"""What a scrape adds; `service` comes with `vai_build_info`."""

_OF_OTHERS: Mapping[str, frozenset[str]] = {
    "up": frozenset(),
    "process_cpu_seconds_total": frozenset(),
    "process_resident_memory_bytes": frozenset(),
    "process_open_fds": frozenset(),
    "process_max_fds": frozenset(),
    # Of the client, of kube-state-metrics and of ingress controllers: alerts of what we do not export.
    "nginx_ingress_controller_ssl_expire_time_seconds": frozenset(("host", "secret_name")),
    "certmanager_certificate_expiration_timestamp_seconds": frozenset(("name",)),
}
_VARIABLES = {"$__rate_interval": "1m", "$__interval": "1m", "$__range": "1h"}
_NAMED = re.compile(r"\$\{?[a-z]+\}?")


def known() -> dict[str, frozenset[str]]:
    """Every series that may be asked for, and its labels."""
    found = dict(_OF_OTHERS)
    for metric in declared():
        for name in metric.series:
            found[name] = frozenset(metric.labels) | (frozenset(("le",)) if name.endswith("_bucket") else frozenset())
    return found


def plain(expr: str, values: Mapping[str, str] | None = None) -> str:
    """The expression without the variables of Grafana."""
    for name, value in (_VARIABLES | dict(values or {})).items():
        expr = expr.replace(name, value)
    return _NAMED.sub("any", expr)


def faults(expr: str) -> list[str]:
    """What is wrong with an expression, in words; nothing where it is sound."""
    try:
        tree = promql.parse(plain(expr))
    except ValueError as error:
        return [f"{expr!r} cannot be parsed: {error}"]
    series, found = known(), []
    selectors = [node for node in _nodes(tree) if isinstance(node, promql.VectorSelector)]
    labels: set[str] = set(EVERYWHERE)
    for one in selectors:
        if one.name not in series:
            found.append(f"{expr!r}: there is no metric {one.name!r}")
            continue
        labels |= series[one.name]
        wrong = {matcher.name for matcher in one.matchers.matchers} - series[one.name] - EVERYWHERE
        found += [f"{expr!r}: {one.name} has no label {label!r}" for label in sorted(wrong)]
    named = {label for node in _nodes(tree) for label in _grouped(node)}
    return found + [f"{expr!r}: no metric in it has the label {label!r}" for label in sorted(named - labels)]


def _nodes(node: promql.Expr) -> Iterator[promql.Expr]:
    yield node
    for name in ("expr", "lhs", "rhs", "param", "vector_selector", "vs"):
        inner = getattr(node, name, None)
        if isinstance(inner, promql.Expr):
            yield from _nodes(inner)
    for inner in getattr(node, "args", None) or ():
        yield from _nodes(inner)


def _grouped(node: promql.Expr) -> list[str]:
    """The labels of `by`, `on` and `group_left`; those of `without` may be any."""
    modifier = getattr(node, "modifier", None)
    labels: list[str] = []
    for part in (modifier, getattr(modifier, "matching", None)):
        labels += getattr(part, "labels", None) or []
        labels += getattr(part, "group_labels", None) or []
    return labels
