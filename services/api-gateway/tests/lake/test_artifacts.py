"""Files that syncs keep: listed, downloaded with a key, and by a link without one until it ends."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx2
import pytest

from vai_api_gateway.auth.link_tokens import LinkTo, token_of
from vai_api_gateway.gateway import Gateway
from vai_api_gateway.settings import Settings
from vai_common.clock import now
from vai_records.lake import synced_files
from vai_records.lake.synced_files import folder_place
from vai_records.people.people import Role
from vai_testkit.kept_files import kept_file
from vai_testkit.team import Team
from vai_worker.reading import desk

ARTIFACTS = "/api/v1/artifacts"
DATA = bytes(range(256)) * 100


@pytest.fixture
def settings(database_url: str, settings: Settings, tmp_path: Path) -> Settings:
    return settings.model_copy(update={"lake_url": tmp_path.as_uri()})


@pytest.fixture
async def invoice(gateway: Gateway, team: Team, tmp_path: Path) -> str:
    """The id of a file that is in the lake."""
    made = await kept_file(gateway.pool, team.org_id, DATA, '2026/Grün "a".pdf')
    row = await gateway.pool.fetchrow("SELECT location FROM synced_files WHERE id = $1", made)
    assert row is not None
    (tmp_path / row["location"]).parent.mkdir(parents=True)
    (tmp_path / row["location"]).write_bytes(DATA)
    return str(made)


@pytest.fixture
async def anybody(api: httpx2.AsyncClient) -> httpx2.AsyncClient:
    """A client without a credential."""
    api.headers.pop("x-api-key", None)
    api.headers.pop("authorization", None)
    return api


def remove(lake: Path) -> None:
    for file in lake.rglob("e1-0"):
        file.unlink()


async def link(gateway: Gateway, subject: str, seconds: float, to: LinkTo = "artifact") -> str:
    secret = gateway.settings.token_secret
    return "/artifacts/" + token_of(secret, to, UUID(subject), now() + timedelta(seconds=seconds))


async def test_files_are_found_by_folder_name_and_run(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, invoice: str
) -> None:
    await kept_file(gateway.pool, team.org_id, b"1", "b.csv")
    await kept_file(gateway.pool, uuid4(), b"1", "theirs.csv")
    (found,) = (await api.get(ARTIFACTS, params={"folder": "shop/invoices", "q": "GRÜN"})).json()["artifacts"]
    assert (found["id"], found["name"], found["folder"]) == (invoice, '2026/Grün "a".pdf', "shop/invoices")
    of_run = (await api.get(ARTIFACTS, params={"run_id": found["runId"]})).json()
    assert (of_run["artifacts"], of_run["total"]) == ([found], 1)
    assert (await api.get(ARTIFACTS)).json()["total"] == 2
    assert (await api.get(ARTIFACTS, params={"folder": "shop"})).json()["total"] == 0
    assert (await api.get(f"{ARTIFACTS}/{invoice}")).json() == found


async def test_a_link_gives_the_file_to_whoever_has_it(
    api: httpx2.AsyncClient, anybody: httpx2.AsyncClient, team: Team, invoice: str
) -> None:
    made = await api.post(f"{ARTIFACTS}/{invoice}/links", json={"minutes": 5}, headers=team.headers())
    assert made.status_code == 201, made.text
    answer = await anybody.get(made.json()["path"])
    assert (answer.status_code, answer.content) == (200, DATA)
    assert answer.headers["content-disposition"] == "attachment; filename*=UTF-8''Gr%C3%BCn%20%22a%22.pdf"
    assert answer.headers["content-length"] == str(len(DATA))
    assert (await anybody.head(made.json()["path"])).content == b""
    assert (await anybody.get(f"{ARTIFACTS}/{invoice}/download")).status_code == 401
    own = await anybody.get(f"{ARTIFACTS}/{invoice}/download", headers=team.headers())
    assert own.content == DATA


async def test_a_link_that_is_over_or_another_gives_nothing(
    anybody: httpx2.AsyncClient, gateway: Gateway, team: Team, invoice: str
) -> None:
    good = await link(gateway, invoice, 60)
    bad = [
        await link(gateway, invoice, -1),
        await link(gateway, str(uuid4()), 60),
        await link(gateway, invoice, 60, "flashboard"),
        good[:-2],
        "/artifacts/" + team.keys[Role.ADMIN].secret,
        f"/artifacts/{invoice}",
    ]
    for path in bad:
        answer = await anybody.get(path)
        assert (answer.status_code, answer.json()["detail"][0]["type"]) == (404, "not_found"), path
    assert (await anybody.get(good)).content == DATA
    assert (await anybody.get(ARTIFACTS, headers={"x-api-key": good.rsplit("/", 1)[1]})).status_code == 401


async def test_what_was_removed_can_be_had_until_it_is_deleted(
    api: httpx2.AsyncClient, gateway: Gateway, team: Team, invoice: str, tmp_path: Path
) -> None:
    path = (await api.get(f"{ARTIFACTS}/{invoice}")).json()["name"]
    async with gateway.pool.acquire() as conn, conn.transaction():
        await synced_files.remove(conn, team.org_id, uuid4(), folder_place("shop/invoices"), [(path, 1)])
    assert (await api.get(ARTIFACTS)).json()["total"] == 0
    assert (await api.get(f"{ARTIFACTS}/{invoice}")).json()["removedAt"] is not None
    assert (await api.get(f"{ARTIFACTS}/{invoice}/download")).content == DATA
    remove(tmp_path)
    answer = await api.get(f"{ARTIFACTS}/{invoice}/download")
    assert (answer.status_code, answer.json()["detail"][0]["type"]) == (404, "gone")
    assert str(tmp_path) not in answer.text


@pytest.mark.parametrize("minutes", [0, -1, 1_441, "5", 1.5, None])
async def test_a_time_that_cannot_be_is_refused(api: httpx2.AsyncClient, invoice: str, minutes: Any) -> None:
    answer = await api.post(f"{ARTIFACTS}/{invoice}/links", json={"minutes": minutes})
    assert answer.status_code == 422, answer.text


async def test_only_so_many_files_are_sent_at_once_and_who_goes_away_makes_room(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"1" * (9 << 20))
    busy = desk.Desk(files=1)
    first = busy.file(tmp_path.as_uri(), "a")
    assert len(await anext(first)) == 8 << 20
    with pytest.raises(desk.Busy):
        await anext(busy.file(tmp_path.as_uri(), "a"))
    await first.aclose()
    assert sum([len(each) async for each in busy.file(tmp_path.as_uri(), "a")]) == 9 << 20
