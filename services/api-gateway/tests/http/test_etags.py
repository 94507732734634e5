"""Two editors: the second one is told that the first one was there, if they say what they have read."""

import asyncio

import httpx2
import pytest

NOOP = {"kind": "dlt_extract", "definition": {"source": "noop"}}
AUTOMATIONS, ACTIONS = "/api/v1/automations", "/api/v1/actions"
MADE = ((AUTOMATIONS, {"name": "a", "actions": [NOOP]}), (ACTIONS, NOOP | {"name": "a"}))


@pytest.mark.parametrize(("path", "body"), MADE)
async def test_the_second_editor_is_told(api: httpx2.AsyncClient, path: str, body: dict[str, object]) -> None:
    place = f"{path}/{(await api.post(path, json=body)).json()['id']}"
    tag = {"If-Match": (await api.get(place)).headers["etag"]}
    answers = await asyncio.gather(*(api.patch(place, json={"name": f"n{n}"}, headers=tag) for n in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 412, 412, 412]
    (good,) = [answer for answer in answers if answer.status_code == 200]
    now = await api.get(place)
    assert (now.headers["etag"], now.json()["name"]) == (good.headers["etag"], good.json()["name"])
    assert (await api.patch(place, json={"name": "b"}, headers={"If-Match": now.headers["etag"]})).status_code == 200


@pytest.mark.parametrize(("path", "body"), MADE)
async def test_who_does_not_ask_is_not_told(api: httpx2.AsyncClient, path: str, body: dict[str, object]) -> None:
    place = f"{path}/{(await api.post(path, json=body)).json()['id']}"
    for headers in ({}, {"If-Match": "*"}):
        assert (await api.patch(place, json={"name": "b"}, headers=headers)).status_code == 200
    for wrong in ('"1"', "nonsense", '"1", "2"'):
        assert (await api.patch(place, json={"name": "c"}, headers={"If-Match": wrong})).status_code == 412
    assert (await api.get(place)).json()["name"] == "b"


@pytest.mark.parametrize(("path", "body"), MADE)
async def test_what_is_known_is_not_sent_again(api: httpx2.AsyncClient, path: str, body: dict[str, object]) -> None:
    place = f"{path}/{(await api.post(path, json=body)).json()['id']}"
    tag = (await api.get(place)).headers["etag"]
    same = await api.get(place, headers={"If-None-Match": f'"7", W/{tag}'})
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    assert (await api.get(place, headers={"If-None-Match": '"7"'})).status_code == 200
