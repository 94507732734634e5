"""The pages that people open: what is on them, who sees them, and that nothing in them runs or leads outside."""

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import quote
from uuid import UUID

import httpx2
import pytest
from markupsafe import Markup

from vai_api_gateway.flashboards import page_contents, pages
from vai_api_gateway.flashboards.drawn_tiles import MOST_WAITING, DrawnTiles
from vai_api_gateway.flashboards.tile_views import MOST_CELLS_OF_A_TEXT, MOST_CHARACTERS_OF_TEXTS, markdown, views
from vai_api_gateway.gateway import Gateway
from vai_common.batcher import Overloaded
from vai_common.clock import now
from vai_common.ids import uuid7
from vai_records.flashboards.versions import Shown, Tile
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


async def test_without_a_browser_there_is_no_pdf_and_the_answer_says_what_to_do(
    gateway: Gateway, api: httpx2.AsyncClient
) -> None:
    assert gateway.settings.browser == ""
    refused = await api.get(f"{BOARDS}/sales/export", params={"format": "pdf"})
    (fault,) = refused.json()["detail"]
    assert (refused.status_code, fault["type"]) == (422, "no_browser")
    for word in ("VAI_BROWSER", "Chromium", "take html"):
        assert word in fault["msg"]
    assert (await api.get(f"{BOARDS}/sales/export", params={"format": "html"})).status_code == 200


async def test_a_form_that_is_sent_twice_has_one_run(
    gateway: Gateway, team: Team, api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wish(page: httpx2.Response) -> str:
        return page.text.split('name="wish" value="')[1].partition('"')[0]

    first, second = wish(await api.get("/flashboards/sales")), wish(await api.get("/flashboards/sales"))
    assert first != second
    forms = [{"again": "1", "wish": first}] * 3 + [
        {"v.region": "Europe", "wish": first},
        {"again": "1", "wish": second},
    ]
    answers = await asyncio.gather(*(api.post("/flashboards/sales", data=form) for form in forms))
    places = [answer.headers["location"] for answer in answers]
    assert len(set(places[:3])) == 1
    assert len(set(places[2:])) == 3
    run_id = UUID(places[0].rpartition("=")[2])
    assert (await api.post(f"/api/v1/action-runs/{run_id}/cancel", json={})).status_code == 200
    for seconds, is_same in ((60, True), (0, False)):
        monkeypatch.setattr(pages, "ONE_WISH", timedelta(seconds=seconds))
        again = await api.post("/flashboards/sales", data=forms[0])
        assert (again.headers["location"] == places[0]) is is_same
    assert (await api.post("/flashboards/sales", data={"wish": "\0€" * 9_000})).status_code in (303, 413)


@pytest.mark.parametrize("text", ["word ", "[", "- a\n", "*_"])
def test_the_texts_of_a_page_are_drawn_up_to_a_bound(text: str) -> None:
    """What a page costs does not grow with the number of its texts."""
    texts: list[Json] = [{"key": f"t{n}", "type": "text", "text": (text * 20_000)[:20_000]} for n in range(50)]
    texts.append({"key": "last", "type": "text", "text": "*short*"})
    tiles = [Tile(each, {}, [], {}) for each in texts]
    shown = Shown(1, {"tiles": texts}, {}, now(), tiles, [], uuid7())
    drawn = [view for view in views(shown) if not view["told"]]
    assert sum(len(texts[0]["text"]) for _ in drawn) <= MOST_CHARACTERS_OF_TEXTS
    assert drawn


async def test_a_page_is_drawn_once_however_many_open_it(
    gateway: Gateway, team: Team, api: httpx2.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    times: list[int] = []

    def counted(version: Shown) -> list[Json]:
        times.append(version.number)
        return views(version)

    monkeypatch.setattr(page_contents, "views", counted)
    seen = await asyncio.gather(*(api.get("/flashboards/sales") for _ in range(40)))
    assert {page.status_code for page in seen} == {200}
    assert times == [1]
    await flashboard(gateway.pool, team.org_id)
    assert "Version 2" in (await api.get("/flashboards/sales")).text
    assert times == [1, 2]
    assert "Hello <strong>there</strong>" in (await api.get("/flashboards/sales?version=1")).text
    assert times == [1, 2]


async def test_what_is_kept_of_pages_is_bounded_and_who_asks_for_too_many_comes_again() -> None:
    kept, drawn, go = DrawnTiles(most=100), [], asyncio.Event()

    async def draw() -> Markup:
        drawn.append(1)
        await go.wait()
        return Markup("x" * 60)

    ids = [uuid7() for _ in range(MOST_WAITING + 1)]
    asked = [asyncio.ensure_future(kept.of((each, ""), draw)) for each in ids[:-1]]
    for _ in range(3):
        await asyncio.sleep(0)
    with pytest.raises(Overloaded):
        await kept.of((ids[-1], ""), draw)
    assert len(drawn) == 2
    go.set()
    await asyncio.gather(*asked)
    assert len(drawn) == len(asked)
    for each, times in ((ids[-2], 0), (ids[0], 1)):
        before = len(drawn)
        await kept.of((each, ""), draw)
        assert len(drawn) - before == times
