"""The API that the demo extracts from behaves like one that somebody else runs."""

from collections.abc import Iterator

import httpx2
import pytest

from examples.demo import flights_api
from examples.demo.pipeline import LAST_DAY


@pytest.fixture(scope="module")
def api() -> Iterator[httpx2.Client]:
    with flights_api.serving() as served:
        headers = {"Authorization": f"Bearer {served.token}"}
        with httpx2.Client(headers=headers, timeout=60, trust_env=False) as client:
            client.base_url = httpx2.URL(served.base_url)
            yield client


def rows_of(api: httpx2.Client, first: str) -> list[dict[str, object]]:
    """All rows from this address on, page by page."""
    rows, address = [], first
    while address:
        page = api.get(address).json()
        rows += page["data"]
        address = page["next"]
    return rows


@pytest.mark.parametrize(("table", "rows"), [("airlines", 16), ("airports", 1_458), ("planes", 3_322)])
def test_the_pages_of_a_table_hold_each_row_once(api: httpx2.Client, table: str, rows: int) -> None:
    found = rows_of(api, f"/{table}?limit=500")
    assert len(found) == len({str(row) for row in found}) == rows


def test_days_choose_the_rows_of_a_table_with_days(api: httpx2.Client) -> None:
    assert len(rows_of(api, "/weather?from=2013-01-01&until=2013-01-31&limit=5000")) == 2_226
    assert len(rows_of(api, f"/flights?until={LAST_DAY}&limit=10000")) == 80_789


def test_a_missing_value_is_null_and_a_number_is_one(api: httpx2.Client) -> None:
    first = api.get("/planes?limit=1").json()["data"][0]
    assert first["tailnum"] == "N10156"
    assert (first["seats"], first["speed"]) == (55, None)


def test_a_code_that_looks_like_a_number_stays_a_text(api: httpx2.Client) -> None:
    assert all(isinstance(row["faa"], str) for row in rows_of(api, "/airports?limit=2000"))


def test_without_the_token_there_is_no_answer(api: httpx2.Client) -> None:
    assert api.get("/airlines", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize(("address", "status"), [("/nothing", 404), ("/planes?limit=0", 400), ("/weather?from=x", 400)])
def test_a_wrong_question_is_told_so(api: httpx2.Client, address: str, status: int) -> None:
    assert api.get(address).status_code == status
