"""The pages that people open: what is on them, who sees them, and that nothing in them runs or leads outside."""

from typing import Any
from urllib.parse import quote

import httpx2
import pytest

from vai_api_gateway.flashboards.tile_views import MOST_CELLS_OF_A_TEXT, markdown
from vai_api_gateway.gateway import Gateway
from vai_common.ids import uuid7
from vai_testkit.flashboards import flashboard
from vai_testkit.team import Team

Json = dict[str, Any]

EVIL = "<script>alert(1)</script>"
BOARDS = "/api/v1/flashboards"


@pytest.fixture(autouse=True)
async def board(gateway: Gateway, team: Team) -> None:
    await flashboard(gateway.pool, team.org_id)


async def test_a_page_shows_its_tiles_without_scripts_and_says_what_it_may_load(api: httpx2.AsyncClient) -> None:
    page = await api.get("/flashboards/sales")
    assert page.status_code == 200
    for text in ("1,250", "25.0% more than before (1,000)", "<strong>there</strong>", "Region: <b>all</b>"):
        assert text in page.text
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; style-src 'nonce-")
    assert "unsafe" not in policy
    assert "script" not in policy


async def test_no_text_of_anybody_becomes_html(gateway: Gateway, team: Team, api: httpx2.AsyncClient) -> None:
    table: Json = {"key": "rows", "type": "table", "title": EVIL, "note": EVIL, "sql": "SELECT 1"}
    text: Json = {"key": "t", "type": "text", "text": f"{EVIL} [x](javascript:alert(1)) ![x](http://127.0.0.1/x.png)"}
    tiles = [(table, [{EVIL: EVIL, "n": "=1+1"}], ((EVIL, "VARCHAR"), ("n", "VARCHAR"))), (text, [], ())]
    await flashboard(gateway.pool, team.org_id, "evil", tiles, title=EVIL, description=EVIL)
    for address in ("/flashboards/evil", f"{BOARDS}/evil/export", "/flashboards"):
        page = (await api.get(address)).text
        assert "&lt;script&gt;" in page
        for wrong in ("<script", "<img", 'href="javascript'):
            assert wrong not in page, address
    assert "'=1+1" in (await api.get(f"{BOARDS}/evil/tiles/rows")).text


async def test_a_large_table_is_bounded_and_says_so(gateway: Gateway, team: Team, api: httpx2.AsyncClient) -> None:
    names = [f"c{number}" for number in range(500)]
    rows = [dict.fromkeys(names, number) for number in range(300)]
    tile = ({"key": "rows", "type": "table", "sql": "SELECT 1"}, rows, [(name, "INTEGER") for name in names])
    await flashboard(gateway.pool, team.org_id, "wide", [tile])
    page = (await api.get("/flashboards/wide")).text
    assert page.count("<th ") == 50
    assert page.count("<tr>") == 201
    assert "the first 200 of 300 rows are shown" in page
    assert "the first 50 of 500 columns are shown" in page


async def test_whoever_is_not_signed_in_is_asked_to_and_strangers_find_nothing(
    web: httpx2.AsyncClient, other_api: httpx2.AsyncClient
) -> None:
    asked = await web.get("/flashboards/sales")
    assert (asked.status_code, "password" in asked.text) == (401, True)
    assert (await other_api.get("/flashboards/sales")).status_code == 404
    foreign = {"Origin": "https://evil.example"}
    form = {"email": "a@example.com", "password": "x"}
    assert (await web.post("/flashboards/sales/sign-in", data=form, headers=foreign)).status_code == 403
    ours = {"Origin": "http://gateway"}
    assert (await web.post("/flashboards/sales/sign-in", data=form, headers=ours)).status_code == 401


@pytest.mark.parametrize("columns", [1, 20, 100, 1_000, 4_000])
def test_a_text_of_a_tile_makes_no_page_that_is_many_times_as_large(columns: int) -> None:
    """Markdown fills short rows up to the columns of the first one."""
    head = "|a" * columns + "\n" + "|-" * columns + "\n"
    page = markdown((head + "|\n" * 10_000)[:20_000])
    assert page.count("</td>") <= MOST_CELLS_OF_A_TEXT
    small = markdown("|a|b|\n|-|-|\n|1|2|\n\n" + "A paragraph.\n" * 1_000)
    assert small.count("</td>") == 2


@pytest.mark.parametrize("slug", ["€", "a\r\nX-Evil: yes\r\n\r\n<b>", "a%2Fb", "a?b#c", "\x00", "ü ü"])
async def test_whatever_an_address_names_who_signs_in_there_is_led_back_and_nowhere_else(
    web: httpx2.AsyncClient, api: httpx2.AsyncClient, slug: str
) -> None:
    form = {"email": "bob@example.com", "password": "correct horse battery"}
    assert (await api.post("/api/v1/users", json=form | {"role": "viewer"})).status_code == 201
    path = f"/flashboards/{quote(slug, safe='')}"
    answer = await web.post(f"{path}/sign-in", data=form, headers={"Origin": "http://gateway"})
    assert (answer.status_code, answer.headers["location"]) == (303, path)


async def test_a_form_asks_for_a_version_beside_the_one_that_is_shown(
    gateway: Gateway, team: Team, api: httpx2.AsyncClient
) -> None:
    refused = await api.post("/flashboards/sales", data={"v.region": "\u00e9" * 1_001})
    assert refused.status_code == 422
    sent = await api.post("/flashboards/sales", data={"v.region": "Europe"})
    assert sent.status_code == 303
    follows = await api.get(sent.headers["location"])
    assert "It is being refreshed" in follows.text
    run_id = sent.headers["location"].rpartition("=")[2]
    run = (await api.get(f"/api/v1/action-runs/{run_id}")).json()
    assert (run["kind"], run["definition"]["values"]) == ("create_flashboard", {"region": "Europe"})
    assert run["definition"]["current"] is False
    again = await api.post("/flashboards/sales", data={"again": "1", "v.region": "Europe"})
    run = (await api.get(f"/api/v1/action-runs/{again.headers['location'].rpartition('=')[2]}")).json()
    assert (run["definition"]["values"], run["definition"]["current"]) == ({}, True)


async def test_a_run_makes_one_version_and_old_ones_are_removed_except_the_one_that_is_shown(
    gateway: Gateway, team: Team, api: httpx2.AsyncClient
) -> None:
    run_id = uuid7()
    for _ in range(2):
        assert await flashboard(gateway.pool, team.org_id, run_id=run_id, current=False) == 2
    for number in (3, 4):
        assert await flashboard(gateway.pool, team.org_id, current=False, keep_versions=1) == number
    found = (await api.get(f"{BOARDS}/sales/versions")).json()["versions"]
    assert [(each["number"], each["isShown"]) for each in found] == [(4, False), (1, True)]
    assert (await api.delete(f"{BOARDS}/sales/versions/1")).status_code == 204
    assert (await api.get(f"{BOARDS}/sales")).json()["version"] == 4
    assert (await api.delete(f"{BOARDS}/sales/versions/4")).status_code == 409


async def test_a_link_shows_one_flashboard_until_it_is_revoked(web: httpx2.AsyncClient, team: Team) -> None:
    mine = team.headers()
    made = (await web.post(f"{BOARDS}/sales/links", json={"days": 1}, headers=mine)).json()
    page = await web.get(made["path"])
    assert page.status_code == 200
    assert "1,250" in page.text
    assert "href=" not in page.text.replace('href="#', "")
    assert (await web.get(made["path"][:-2])).status_code == 404
    token = made["path"].rpartition("/")[2]
    assert (await web.get(f"{BOARDS}/sales", headers={"Authorization": f"Bearer {token}"})).status_code == 401
    for _ in range(2):
        assert (await web.delete(f"{BOARDS}/sales/links/{made['id']}", headers=mine)).status_code == 204
    assert (await web.get(made["path"])).status_code == 404
    other = (await web.post(f"{BOARDS}/sales/links", json={}, headers=mine)).json()
    await web.delete(f"{BOARDS}/sales", headers=mine)
    assert (await web.get(other["path"])).status_code == 404


async def test_files_of_tiles(api: httpx2.AsyncClient) -> None:
    rows = await api.get(f"{BOARDS}/sales/tiles/orders")
    assert rows.text == "n,before\r\n1250,1000\r\n"
    drawing = await api.get(f"{BOARDS}/sales/tiles/days?format=svg")
    assert drawing.text.startswith("<svg")
    for address, status in (("orders?format=png", 409), ("words", 409), ("gone", 404), ("orders?version=9", 404)):
        assert (await api.get(f"{BOARDS}/sales/tiles/{address}")).status_code == status
