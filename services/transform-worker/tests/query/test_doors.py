"""Every door that takes SQL, against the same attacks: nothing is read but the tables, nothing is written, and no
address is spoken to.
"""

import socket
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from threading import Thread
from typing import Any

import pyarrow as pa
import pytest
from deltalake import write_deltalake
from pydantic import ValidationError

from vai_common.errors import ErrorCode, Permanent
from vai_testkit.link import RecordingLink
from vai_transform_worker.asking.named_tables import unknown
from vai_transform_worker.asking.query_child import query
from vai_transform_worker.flashboards.board_child import build
from vai_transform_worker.query import safety, warm
from vai_worker.children.job import Job

from .attacks import KINDS, filled, lines, of_this_duckdb

Json = dict[str, Any]
Door = Callable[[Any, str], Any]

CANARY = "canary-7d1f"
OWN = "bronze.shop.orders"
OTHER = "018f0000-0000-7000-8000-000000000002"


def transformed(shop: Any, sql: str, **fields: Any) -> Json:
    found: Json = shop.run(_with_placeholder(sql), *_inputs(sql), **fields)
    return found


def planned(shop: Any, sql: str) -> Json:
    job = shop.job(_with_placeholder(sql), *_inputs(sql), dry_run=True)
    found: Json = shop.planned(job)
    return found


def checked(shop: Any, sql: str) -> Json:
    found: Json = shop.run("SELECT 1 AS n", *_inputs(sql), checks=[{"type": "sql", "sql": _with_placeholder(sql)}])
    return found


def planned_check(shop: Any, sql: str) -> Json:
    checks = [{"type": "sql", "sql": _with_placeholder(sql)}]
    job = shop.job("SELECT 1 AS n", *_inputs(sql), dry_run=True, checks=checks)
    found: Json = shop.planned(job)
    return found


def queried(shop: Any, sql: str) -> Json:
    return _asked(shop, {"sql": _with_name(sql)})


def written_by_a_model(shop: Any, sql: str) -> Json:
    """A model that was told, in the data or by the question, what to write. It is asked again after each error."""
    answer = {"sql": _with_name(sql), "tokens": {"input": 1, "output": 1}, "dollars": 0.0}
    return _asked(shop, {"question": "What do the others earn?"}, write=lambda asked: answer)


def tile(shop: Any, sql: str) -> Json:
    shop.link = RecordingLink({"tables": lambda asked: _tables(shop, asked), "keep": lambda told: told})
    definition = {"title": "x", "tiles": [{"key": "n", "type": "table", "sql": _with_name(sql)}]}
    prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": 60.0, "today": "2026-03-10"}
    return build(
        Job("run-1", shop.org_id, 1, 1, "create_flashboard", definition, None, None, shop.url, prepared), shop.link
    )


DOORS: list[Door] = [transformed, planned, checked, planned_check, queried, written_by_a_model, tile]


def _inputs(sql: str) -> list[dict[str, str]]:
    return [{"bronze_dataset": "bronze.shop.orders"}] if "<own>" in sql else []


def _with_placeholder(sql: str) -> str:
    return sql.replace("<own>", "{{ bronze_orders }}")


def _with_name(sql: str) -> str:
    return sql.replace("<own>", OWN)


def _asked(shop: Any, definition: Json, **answers: Callable[[Json], Json]) -> Json:
    shop.link = RecordingLink({"tables": lambda asked: _tables(shop, asked)} | answers)
    prepared = {"memory_mb": 256, "spill_mb": 100, "seconds": 60.0}
    return query(
        Job("run-1", shop.org_id, 1, 1, "generate_query", definition, None, None, shop.url, prepared), shop.link
    )


def _tables(shop: Any, asked: Json) -> Json:
    for name in asked["names"]:
        if name != OWN:
            raise unknown(name, {})
    return {"sources": [{"name": n, "dataset": n, **shop.inputs[OWN]} for n in asked["names"]]}


@pytest.fixture
def shop(workshop: Any) -> Any:
    workshop.bronze("shop.orders", [{"id": n, "name": f"n{n}"} for n in range(3)])
    return workshop


@pytest.fixture
def listener() -> Iterator[tuple[str, list[Any]]]:
    """An address, and who has spoken to it."""
    heard: list[Any] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def listen() -> None:
            try:
                while True:
                    connection, _ = server.accept()
                    heard.append(connection.recv(100))
                    connection.close()
            except OSError:
                return

        Thread(target=listen, daemon=True).start()
        yield f"127.0.0.1:{server.getsockname()[1]}", heard
        server.shutdown(socket.SHUT_RDWR)


@pytest.fixture
def words(shop: Any, tmp_path: Path, listener: tuple[str, list[Any]]) -> dict[str, str]:
    """A table of another organisation and a file, both with the canary, and where nothing is."""
    theirs = tmp_path / OTHER / "silver" / "pay"
    theirs.parent.mkdir(parents=True)
    write_deltalake(theirs, pa.table({"secret": [CANARY]}))
    (tmp_path / "outside.csv").write_text(f"content\n{CANARY}\n")
    new, web = str(tmp_path / "new.csv"), listener[0]
    return {"own": "<own>", "theirs": str(theirs), "file": str(tmp_path / "outside.csv"), "new": new, "web": web}


@pytest.fixture
def parser(monkeypatch: pytest.MonkeyPatch) -> None:
    """One parser for all statements, as a child of the fork server has it."""
    monkeypatch.setattr(warm, "_importer", 0)
    monkeypatch.setattr(warm, "_opened", {"parser": warm._parser()})


def there(folder: Path) -> set[Path]:
    return {path for path in folder.rglob("*") if "/silver/out" not in str(path)}


def is_refused(work: Callable[[], Any], shop: Any = None) -> bool:
    """Whether it ends with an error of the data, or of the definition (422 at the gateway), which shows no canary."""
    try:
        work()
    except Permanent as error:
        told = f"{error.message} {error.details} {shop and shop.link.logs}"
        return error.code == ErrorCode.DATA_ERROR and CANARY not in told
    except ValidationError as error:
        return CANARY not in str(error)
    return False


@pytest.mark.usefixtures("parser")
@pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)
@pytest.mark.parametrize("kind", KINDS)
def test_no_door_lets_sql_out(
    shop: Any, words: dict[str, str], tmp_path: Path, listener: tuple[str, list[Any]], kind: str, door: Door
) -> None:
    before = there(tmp_path)
    passed = [sql for sql in filled(lines(KINDS[kind]), words) if not is_refused(partial(door, shop, sql), shop)]
    assert passed == []
    assert there(tmp_path) == before
    assert listener[1] == []


@pytest.mark.usefixtures("parser")
def test_whatever_this_duckdb_knows_beside_the_tables_is_refused(words: dict[str, str]) -> None:
    statements = filled(of_this_duckdb(), words)
    passed = [sql for sql in statements if not is_refused(partial(safety.check, sql, ["orders"]))]
    assert passed == []
    assert len(statements) > 200
