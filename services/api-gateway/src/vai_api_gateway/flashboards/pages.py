"""/flashboards: the pages that people open. Without a script; whoever is not signed in can do it there."""

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any, Final
from urllib.parse import quote
from uuid import UUID

from fastapi import FastAPI, Request, Response
from markupsafe import Markup
from starlette.exceptions import HTTPException

from vai_api_gateway.auth.link_tokens import linked_to
from vai_api_gateway.auth.needs import Need, judge
from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.flashboards import page_contents, refreshing
from vai_api_gateway.flashboards.finding_boards import board_of, version_of, whole
from vai_api_gateway.flashboards.forms import fields_of
from vai_api_gateway.flashboards.rendering import page
from vai_api_gateway.gateway import Gateway, gateway_of
from vai_api_gateway.http.idempotency import first_run
from vai_api_gateway.people.session import signed_in
from vai_api_gateway.problems import Problem, not_found, problem_of
from vai_api_gateway.runs import start as starting
from vai_common.clock import now
from vai_common.queries import Row
from vai_records.flashboards import boards, shares, versions
from vai_records.flashboards.boards import Page
from vai_records.lifecycle.transitions import Phase
from vai_records.people.people import Role
from vai_records.runs import runs

Json = dict[str, Any]
Show = Callable[[Request], Awaitable[Response]]

_LOOK_AGAIN = 2  # seconds between two looks of a page that waits
_MOST_LISTED = 200
ONE_WISH: Final = timedelta(seconds=30)
"""How long a form that comes again counts as sent twice, also where its run has ended already."""

_TITLES = {
    401: "Sign in", 403: "This needs another role", 404: "Not found", 409: "Not now", 413: "Too large",
    422: "That cannot be", 429: "Too many tries", 503: "Too busy",
}  # fmt: skip


def install(app: FastAPI) -> None:
    """The pages; they are no part of the REST document."""
    for path, show, methods in (
        ("/flashboards", _index, ["GET"]),
        ("/flashboards/shared/{token}", _shared, ["GET"]),
        ("/flashboards/{slug}", _board, ["GET"]),
        ("/flashboards/{slug}", _refresh, ["POST"]),
        ("/flashboards/{slug}/sign-in", _sign_in, ["POST"]),
    ):
        app.add_route(path, _told(show), methods=methods, include_in_schema=False)


def _told(show: Show) -> Show:
    """Errors as a page. Whoever is not signed in is asked to."""

    async def answered(request: Request) -> Response:
        try:
            return await show(request)
        except HTTPException as error:
            problem = error if isinstance(error, Problem) else Problem(error.status_code, "error", str(error.detail))
        except Exception as error:
            problem = problem_of(request, error)
        return _problem(request, problem)

    return answered


def _problem(request: Request, problem: Problem) -> Response:
    status, root, slug = problem.status_code, gateway_of(request).settings.root_path, request.path_params.get("slug")
    told: Json = {
        "title": _TITLES.get(status, "Something went wrong"),
        "text": "; ".join(str(each["msg"]) for each in problem.errors),
        "again": None,
        "sign_in": None,
        "back": f"{root}/flashboards" if status in (403, 404) and "token" not in request.path_params else None,
        "back_text": "All flashboards",
    }
    if status == 401:
        told["sign_in"] = f"{root}/flashboards/{quote(slug or '-', safe='')}/sign-in"
        is_wrong = request.url.path.endswith("/sign-in")
        told["text"] = told["text"] if is_wrong else "Flashboards are for people of the organisation."
    return page("message.html", told | {"theme": _theme(request)}, status, problem.headers)


async def _index(request: Request) -> Response:
    gateway, principal = await _asked(request)
    rows, total = await boards.list_page(gateway.pool, principal.org_id, Page(limit=_MOST_LISTED))
    listed = [
        {
            "slug": row["slug"],
            "title": row["title"],
            "description": row["description"],
            "at": row["shown_at"] or row["updated_at"],
            "tiles": row["tile_count"] or 0,
        }
        for row in rows
    ]
    told = {"boards": listed, "total": total, "root": gateway.settings.root_path, "theme": _theme(request)}
    return page("index.html", told)


async def _board(request: Request) -> Response:
    gateway, principal = await _asked(request)
    board = await board_of(gateway, principal.org_id, request.path_params["slug"])
    if (run_id := request.query_params.get("run")) is not None:
        return await _made_by(request, board, run_id)
    version = await version_of(gateway, board, _number(request))
    shown = versions.whole(version, ())
    links = page_contents.links(gateway.settings.root_path, board, shown)
    is_operator = principal.role.covers(Role.OPERATOR)
    told = page_contents.contents(shown) | {
        "main": await _main(gateway, version, links),
        "links": links,
        "banner": page_contents.banner(board, shown),
        "fields": page_contents.fields(shown) if is_operator else None,
        "wish": secrets.token_urlsafe(16) if is_operator else None,
        "theme": _theme(request),
    }
    return await asyncio.to_thread(page, "board.html", told)


async def _main(gateway: Gateway, version: Row, links: Json | None = None) -> Markup:
    """The tiles, drawn once."""

    async def drawn() -> Markup:
        return await asyncio.to_thread(page_contents.main, await whole(gateway, version), links)

    return await gateway.drawn_tiles.of((version["id"], links["here"] if links else ""), drawn)


async def _made_by(request: Request, board: Any, text: str) -> Response:
    """The version that a run makes, or where the run stands."""
    gateway = gateway_of(request)
    try:
        run = await runs.get(gateway.pool, board["org_id"], UUID(text))
    except ValueError:
        run = None
    if run is None:
        raise not_found("run")
    here = f"{gateway.settings.root_path}/flashboards/{board['slug']}"
    if (number := await versions.of_run(gateway.pool, board["id"], run["id"])) is not None:
        return _to(here if number == board["shown"] else f"{here}?version={number}")
    ended = run["phase"] == Phase.DONE
    said = (run["error"] or {}).get("message") or f"The run is {run['status']}." if ended else "This page follows it."
    told = {
        "title": "It could not be refreshed" if ended else "It is being refreshed",
        "text": said,
        "again": None if ended else _LOOK_AGAIN,
        "sign_in": None,
        "back": here,
        "back_text": "Back to the flashboard",
        "theme": _theme(request),
    }
    return page("message.html", told)


async def _refresh(request: Request) -> Response:
    gateway, principal = await _asked(request, "flashboards:write")
    if not principal.role.covers(Role.OPERATOR):
        raise Problem(403, "forbidden", f"this needs the role {Role.OPERATOR}; yours is {principal.role}")
    form = await fields_of(request)
    board = await board_of(gateway, principal.org_id, request.path_params["slug"])
    version = await version_of(gateway, board, None)
    values = {} if "again" in form else page_contents.given(version, form)
    run_id = await _run_for(request, (board, version), principal, values, form.get("wish"))
    return _to(f"{gateway.settings.root_path}/flashboards/{board['slug']}?run={run_id}")


async def _run_for(
    request: Request, found: tuple[Row, Row], principal: Principal, values: Json, wish: str | None
) -> UUID:
    """The run that the form asks for. A form that is sent twice, as by a double click, has one run. Only who goes back
    to a page, after the run of its form has ended, asks anew.
    """
    gateway, board = gateway_of(request), found[0]
    repeat = refreshing.wished_on_a_page(wish, board, values)
    if repeat is not None:
        first = await first_run(gateway, principal.org_id, *repeat)
        if first is not None and (first["phase"] != Phase.DONE or now() - first["created_at"] < ONE_WISH):
            return UUID(str(first["id"]))
        repeat = None if first is not None else repeat
    made = await refreshing.order(gateway, (principal, request), found, values, repeat=repeat)
    return UUID(str((await starting.create(gateway, made)).run["id"]))


async def _sign_in(request: Request) -> Response:
    gateway, form = gateway_of(request), await fields_of(request)
    gateway.authenticator.check_origin(request)
    organisation = form.get("organisation") or None
    email, password = form.get("email", "")[:320], form.get("password", "")[:1_000]
    who = await gateway.sign_ins.principal(request, email, password, organisation)
    slug = request.path_params["slug"]
    target = f"{gateway.settings.root_path}/flashboards" + ("" if slug == "-" else f"/{quote(slug, safe='')}")
    answer = _to(target)
    answer.headers["set-cookie"] = (await signed_in(request, who)).headers["set-cookie"]
    return answer


async def _shared(request: Request) -> Response:
    """What a link shows: that flashboard and nothing else, to whoever has the link."""
    gateway = gateway_of(request)
    share_id = linked_to(gateway.authenticator, gateway.settings.token_secret, request, "flashboard")
    share = await shares.good(gateway.pool, share_id) if share_id else None
    if share is None:
        raise Problem(404, "not_found", "This link shows nothing: it has ended, was revoked, or is not whole.")
    board = await board_of(gateway, share["org_id"], str(share["id"]))
    version = await version_of(gateway, board, share["version"])
    told = page_contents.contents(versions.whole(version, ()))
    told |= {"main": await _main(gateway, version), "theme": _theme(request)}
    return await asyncio.to_thread(page, "board.html", told)


async def _asked(request: Request, need: Need = "flashboards:read") -> tuple[Gateway, Principal]:
    """Who asks, by cookie or key. Raises `Problem` 401, 403 for a key without the scope, and 429."""
    gateway = gateway_of(request)
    principal = await gateway.authenticator.principal(request)
    judge(principal, need)
    gateway.authenticator.count_call(principal)
    return gateway, principal


def _number(request: Request) -> int | None:
    text = request.query_params.get("version")
    if text is None:
        return None
    if not text.isascii() or not text.isdecimal() or not 0 < int(text[:10]) < 2**31:
        raise not_found("version")
    return int(text[:10])


def _theme(request: Request) -> str | None:
    """The viewer's own, unless the address names one."""
    asked = request.query_params.get("theme")
    return asked if asked in ("light", "dark") else None


def _to(address: str) -> Response:
    return Response(status_code=303, headers={"Location": address})
