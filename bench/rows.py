"""The rows that the kinds are measured with, and the web API that serves them, in a process of its own."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.parquet as pq

from bench.servers import serving

PAGE = 1_000
_STATES = ("new", "paid", "sent", "returned")


def rows(end: int, start: int = 0) -> Iterator[dict[str, Any]]:
    """Orders: whole numbers, decimals, texts, times, truth values, and a column that is sometimes null."""
    first = datetime(2026, 1, 1, tzinfo=UTC)
    for number in range(start, end):
        yield {
            "id": number,
            "customer_id": number * 7919 % 50_021,
            "amount": round(number * 31 % 99_991 / 100, 2),
            "quantity": number % 9 + 1,
            "state": _STATES[number % 4],
            "country": f"C{number % 61:02d}",
            "note": f"order {number} of customer {number * 7919 % 50_021}" if number % 3 else None,
            "is_gift": number % 11 == 0,
            "created_at": (first + timedelta(seconds=number * 13)).isoformat(),
        }


def write_parquet(folder: Path, count: int, files: int) -> None:
    """The rows as so many parquet files."""
    for part in range(files):
        chosen = list(rows(count * (part + 1) // files, count * part // files))
        pq.write_table(pa.Table.from_pylist(chosen), folder / f"orders-{part}.parquet", compression="zstd")


def write_jsonl(folder: Path, count: int) -> None:
    with (folder / "orders.jsonl").open("w") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows(count))


CSV_HEADER = "id,customer_id,amount,quantity,state,country,note,is_gift,created_at\n"


def csv_lines(count: int) -> Iterator[str]:
    """The rows as lines of csv, amounts with two places."""
    for row in rows(count):
        note, gift = row["note"] or "", str(row["is_gift"]).lower()
        fields = (row["id"], row["customer_id"], f"{row['amount']:.2f}", row["quantity"], row["state"], row["country"])
        yield f"{','.join(map(str, fields))},{note},{gift},{row['created_at']}\n"


def write_csv(folder: Path, count: int) -> None:
    """The rows as one csv file."""
    with (folder / "orders.csv").open("w") as file:
        file.write(CSV_HEADER)
        file.writelines(csv_lines(count))


def served(*counts: int, latency: float = 0.0, page: int = PAGE) -> AbstractContextManager[str]:
    """The address of an API that has the rows at `/orders-<count>?page=1`, `page` at a time, kept ready as bytes.

    It answers after `latency` seconds.
    """
    return serving(_serve, counts, latency, page)


def _serve(ready: Connection, counts: tuple[int, ...], latency: float, page: int) -> None:
    asyncio.run(_Api(counts, latency, page).serve(ready))


class _Api:
    def __init__(self, counts: tuple[int, ...], latency: float, page: int) -> None:
        self._latency = latency
        self._pages = {f"/orders-{count}": list(_pages(count, page)) for count in counts}

    async def serve(self, ready: Connection) -> None:
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                parts = urlsplit(head.split(b" ", 2)[1].decode())
                page = int(parse_qs(parts.query).get("page", ["1"])[0])
                if self._latency:
                    await asyncio.sleep(self._latency)
                writer.write(_answer(self._pages[parts.path][page - 1]))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def _pages(count: int, size: int) -> Iterator[bytes]:
    everything = list(rows(count))
    total = -(-count // size)
    for page in range(total):
        data = everything[page * size : (page + 1) * size]
        yield json.dumps({"data": data, "page": page + 1, "total_pages": total}).encode()


def _answer(body: bytes) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
