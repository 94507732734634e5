"""Requests are counted by the route as it is declared, never by what a caller wrote into it."""

import httpx2
import pytest
from prometheus_client import REGISTRY

RUN = "/api/v1/action-runs/{run_id}"


def _requests(method: str, route: str, status: str) -> float:
    labels = {"method": method, "route": route, "status": status}
    return REGISTRY.get_sample_value("vai_http_requests_total", labels) or 0


def _timed(method: str, route: str) -> float:
    return REGISTRY.get_sample_value("vai_http_request_seconds_count", {"method": method, "route": route}) or 0


@pytest.mark.parametrize(
    ("method", "path", "route", "status"),
    [
        ("GET", "/api/v1/action-runs/01a22609-0ca3-7767-9810-2d842045fc1b", RUN, "404"),
        ("GET", "/api/v1/action-runs", "/api/v1/action-runs", "200"),
        ("GET", "/lunch/01a22609-0ca3-7767-9810-2d842045fc1b", "other", "404"),
        ("BREW", "/api/v1/action-runs", "/api/v1/action-runs", "405"),
    ],
)
async def test_a_request_is_counted_by_route_and_status(
    api: httpx2.AsyncClient, method: str, path: str, route: str, status: str
) -> None:
    word = "other" if method == "BREW" else method
    counted, timed = _requests(word, route, status), _timed(word, route)
    answer = await api.request(method, path)
    assert str(answer.status_code) == status
    assert (_requests(word, route, status), _timed(word, route)) == (counted + 1, timed + 1)


async def test_nothing_is_open_when_all_is_answered(api: httpx2.AsyncClient) -> None:
    await api.get("/api/v1/action-runs")
    assert REGISTRY.get_sample_value("vai_http_requests_open") == 0
