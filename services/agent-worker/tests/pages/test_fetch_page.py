"""fetch_page against a server with the pages that the web has; they are read in the test's own process."""

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from vai_agent_worker.fetch_page import FetchPage
from vai_agent_worker.pages.asked import Asked, Reading
from vai_agent_worker.pages.read_page import read
from vai_agent_worker.pages.readers import Readers
from vai_common.egress.addresses import PUBLIC, Policy
from vai_common.errors import ErrorCode, RunError
from vai_testkit.owned import HeldRun
from vai_testkit.servers.odd_pages import CHARACTER_SETS, SENTENCE, odd_pages, text_in
from vai_testkit.servers.web import Reply, WebServer
from vai_worker.children.job import ConnectionSecret

LOOPBACK = Policy.parse("loopback")
SECRET = ConnectionSecret("1", "shop", "rest", {"base_url": "http://127.0.0.1"}, {"token": "sesame-sesame"})


class ReadHere(Readers):
    """Reads in this process: what a page says does not depend on where it is read."""

    async def read(self, org_id: UUID, raw: bytes, asked: Asked) -> Reading:
        return read(raw, asked)


@pytest.fixture
async def web() -> AsyncIterator[WebServer]:
    async with odd_pages() as server:
        yield server


def held(web: WebServer, path: str, **more: Any) -> HeldRun:
    return HeldRun("fetch_page", {"url": f"{web.url}{path}", **more})


async def fetched(web: WebServer, path: str, **more: Any) -> dict[str, Any]:
    return await FetchPage(LOOPBACK, ReadHere()).perform(held(web, path, **more))


async def refused(web: WebServer, path: str, **more: Any) -> RunError:
    with pytest.raises(RunError) as caught:
        await fetched(web, path, **more)
    return caught.value


async def test_an_article_becomes_markdown_text_and_what_it_says_of_itself(web: WebServer) -> None:
    result = await fetched(web, "/article")
    assert (result["format"], result["charset"], result["status_code"]) == ("html", "utf-8", 200)
    assert (result["title"], result["author"], result["date"]) == ("The tower of Konya", "Ada Lovelace", "2026-03-05")
    assert (result["language"], result["site_name"]) == ("en-GB", "The Daily Brick")
    assert result["canonical_url"] == f"{web.url}/articles/tower"
    markdown = result["markdown"]
    assert markdown.startswith("# The tower of Konya\n\n")
    assert f"[the **bricks**]({web.url}/bricks.html)" in markdown
    assert "## Measures" in markdown
    assert "| Base | 12 |" in markdown
    assert "- It has no bell." in markdown
    assert "About us" not in markdown
    assert "tracked" not in markdown
    assert "See the bricks and more." in result["text"]
    assert "#" not in result["text"]
    assert "http" not in result["text"]


async def test_links_and_images_are_absolute_and_once_each(web: WebServer) -> None:
    result = await fetched(web, "/article")
    assert result["links"] == [
        {"url": f"{web.url}/", "text": "Home"},
        {"url": f"{web.url}/about", "text": "About us"},
        {"url": f"{web.url}/bricks.html", "text": "the bricks"},
        {"url": "https://example.org/konya", "text": "more"},
    ]
    assert result["images"] == [{"url": f"{web.url}/img/tower.jpg", "alt": "The tower in the evening"}]
    few = await fetched(web, "/article", max_links=2, include_images=False)
    assert (len(few["links"]), few["images"]) == (2, [])


@pytest.mark.parametrize("name", CHARACTER_SETS)
async def test_a_character_set_is_read_where_the_response_names_it(web: WebServer, name: str) -> None:
    assert text_in(name) in (await fetched(web, f"/in/{name}"))["text"]


@pytest.mark.parametrize("name", [name for name in CHARACTER_SETS if name != "utf16"])
async def test_a_character_set_is_read_where_the_page_names_it(web: WebServer, name: str) -> None:
    assert text_in(name) in (await fetched(web, f"/said/{name}"))["text"]


@pytest.mark.parametrize("path", ["/says-latin1", "/says-nonsense"])
async def test_a_page_of_utf8_is_read_as_that_whatever_its_server_says(web: WebServer, path: str) -> None:
    assert text_in("utf8") in (await fetched(web, path))["text"]


async def test_a_character_set_that_nobody_names_is_guessed(web: WebServer) -> None:
    assert text_in("cp1251") in (await fetched(web, "/guess"))["text"]


async def test_a_page_that_is_only_a_script_says_so(web: WebServer) -> None:
    run = held(web, "/script")
    result = await FetchPage(LOOPBACK, ReadHere()).perform(run)
    assert result["needs_script"] is True
    assert [(event, level) for event, _, level in run.logs] == [("page_needs_script", "warning")]


@pytest.mark.parametrize("path", ["/article", "/tiny", "/empty"])
async def test_a_short_page_with_a_script_is_not_taken_for_one(web: WebServer, path: str) -> None:
    assert (await fetched(web, path))["needs_script"] is False


@pytest.mark.parametrize("path", ["/paper.pdf", "/unsaid.pdf"])
async def test_a_pdf_file_is_read_page_after_page(web: WebServer, path: str) -> None:
    result = await fetched(web, path)
    assert (result["format"], result["title"], result["author"]) == ("pdf", "A paper", "Grace Hopper")
    assert (result["date"], result["page_count"]) == ("2025-06-07", 2)
    assert f"Page 1: {SENTENCE}" in result["text"]
    assert f"Page 2: {SENTENCE}" in result["text"]


async def test_text_and_json_are_taken_as_they_are(web: WebServer) -> None:
    assert (await fetched(web, "/text"))["text"] == f"{SENTENCE}\nünï"
    assert SENTENCE in (await fetched(web, "/feed"))["text"]
    result = await fetched(web, "/json")
    assert result["format"] == "json"
    assert result["text"].startswith('{"tower": "Konya"')
    assert result["markdown"].startswith("```json\n{")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/locked.pdf", "with a password"),
        ("/half-pdf", "cannot be read"),
        ("/not-a-pdf", "cannot be read"),
        ("/picture", "is image/png"),
        ("/garbage", "cannot be read"),
    ],
)
async def test_what_cannot_be_read_says_why(web: WebServer, path: str, said: str) -> None:
    error = await refused(web, path)
    assert (error.code, error.retryable) == (ErrorCode.DATA_ERROR, False)
    assert said in error.message
    assert path in error.message


@pytest.mark.parametrize(
    ("path", "code", "is_retryable"),
    [
        ("/gone", ErrorCode.CONNECTION_ERROR, False),
        ("/private", ErrorCode.AUTH_ERROR, False),
        ("/broken", ErrorCode.CONNECTION_ERROR, True),
        ("/busy", ErrorCode.RATE_LIMITED, True),
        ("/hangs-up", ErrorCode.CONNECTION_ERROR, True),
        ("/loop", ErrorCode.CONNECTION_ERROR, False),
        ("/inside", ErrorCode.CONNECTION_ERROR, False),
        ("/to-file", ErrorCode.CONNECTION_ERROR, False),
    ],
)
async def test_an_answer_that_is_no_page_is_an_error(
    web: WebServer, path: str, code: ErrorCode, is_retryable: bool
) -> None:
    error = await refused(web, path)
    assert (error.code, error.retryable) == (code, is_retryable)


async def test_redirects_are_followed_as_far_as_they_may_be(web: WebServer) -> None:
    result = await fetched(web, "/chain")
    assert (result["url"], result["requested_url"]) == (f"{web.url}/article", f"{web.url}/chain")
    assert "max_redirects" in (await refused(web, "/chain", max_redirects=1)).message
    assert (await refused(web, "/moved", max_redirects=0)).code == ErrorCode.CONNECTION_ERROR


async def test_a_private_address_is_refused(web: WebServer) -> None:
    with pytest.raises(RunError, match="is not public"):
        await FetchPage(PUBLIC, ReadHere()).perform(held(web, "/article"))
    assert web.seen == []


@pytest.mark.parametrize("path", ["/deep", "/deep-lists"])
async def test_a_page_that_is_nested_too_deeply_is_read_simply(web: WebServer, path: str) -> None:
    run = held(web, path)
    assert SENTENCE in (await FetchPage(LOOPBACK, ReadHere()).perform(run))["text"]
    assert [event for event, _, _ in run.logs] == ["page_read_simply"]


@pytest.mark.parametrize("path", ["/nul", "/unclosed"])
async def test_broken_markup_is_read_as_far_as_it_goes(web: WebServer, path: str) -> None:
    result = await fetched(web, path)
    assert SENTENCE in result["text"]
    assert "\0" not in result["markdown"]


async def test_entities_of_a_page_are_not_multiplied(web: WebServer) -> None:
    assert len((await fetched(web, "/xml-bomb"))["text"]) < 1_000


async def test_a_page_that_is_too_long_is_cut_and_says_so(web: WebServer) -> None:
    run = held(web, "/long", max_characters=500)
    result = await FetchPage(LOOPBACK, ReadHere()).perform(run)
    assert (result["truncated"], len(result["text"]), len(result["markdown"])) == (True, 500, 500)
    cut = await fetched(web, "/long", max_bytes=10_000)
    assert (cut["truncated"], cut["bytes"]) == (True, 10_000)
    assert [event for event, _, _ in run.logs] == ["page_truncated"]
    assert "raise max_bytes" in (await refused(web, "/paper.pdf", max_bytes=1_000)).message


async def test_no_credentials_are_sent(web: WebServer) -> None:
    run = HeldRun("fetch_page", {"url": f"{web.url}/article", "connection": "shop"}, SECRET)
    await FetchPage(LOOPBACK, ReadHere()).perform(run)
    assert all("authorization" not in seen.headers and "cookie" not in seen.headers for seen in web.seen)


async def test_robots_txt_is_obeyed_and_asked_once(web: WebServer) -> None:
    web.replies["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /article\nUser-agent: vai\nDisallow: /moved")
    kind = FetchPage(LOOPBACK, ReadHere())
    await kind.perform(held(web, "/article"))
    with pytest.raises(RunError, match="does not allow") as caught:
        await kind.perform(held(web, "/moved"))
    assert (caught.value.code, caught.value.retryable) == (ErrorCode.DATA_ERROR, False)
    assert [seen.target for seen in web.seen] == ["/robots.txt", "/article"]


async def test_robots_txt_holds_for_the_page_behind_a_redirect(web: WebServer) -> None:
    web.replies["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /article")
    assert "does not allow" in (await refused(web, "/moved")).message
    assert "/article" not in [seen.target for seen in web.seen]


async def test_an_organisation_may_turn_robots_txt_off(web: WebServer) -> None:
    web.replies["/robots.txt"] = Reply(body=b"User-agent: *\nDisallow: /")
    run = held(web, "/article")
    run.settings = {"ignore_robots_txt": True}
    assert (await FetchPage(LOOPBACK, ReadHere()).perform(run))["title"] == "The tower of Konya"
    assert [seen.target for seen in web.seen] == ["/article"]


@pytest.mark.parametrize("robots", [Reply(404), Reply(403), Reply(302, headers={"Location": "/robots.txt"})])
async def test_a_site_without_rules_allows_everything(web: WebServer, robots: Reply) -> None:
    web.replies["/robots.txt"] = robots
    assert (await fetched(web, "/article"))["format"] == "html"


@pytest.mark.parametrize("robots", [Reply(503), Reply(hang_up=True)])
async def test_a_site_that_cannot_be_asked_is_asked_again_later(web: WebServer, robots: Reply) -> None:
    web.replies["/robots.txt"] = robots
    error = await refused(web, "/article")
    assert (error.code, error.retryable) == (ErrorCode.CONNECTION_ERROR, True)
    assert "robots.txt" in error.message
