"""Tables that several resources or definitions fill, and trials, which fill none of them."""

from collections.abc import Callable
from typing import Any

from vai_records.lake import manifest as lake
from vai_testkit.servers.json_api import Ask, FakeApi, serving


def numbers(api: FakeApi, count: int) -> Callable[[Ask], Any]:
    return lambda ask: [{"id": n} for n in range(1, count + 1) if n >= int(ask.query.get("after", 0))]


async def test_two_resources_fill_one_table_and_each_replaces_its_own(floor: Any, api: FakeApi) -> None:
    api.paths["/email"], api.paths["/sms"] = (lambda ask: [{"id": 1, "a": 1}]), (lambda ask: [{"id": 2}, {"id": 3}])
    resources = [{"name": name, "table": "campaigns"} for name in ("email", "sms")]
    given: dict[str, Any] = {"source": "rest_api", "base_url": api.url, "resources": resources}
    await floor.extract(await floor.run(**given))
    assert await floor.rows("rest_api.campaigns", "SELECT id FROM {t} ORDER BY 1") == [(1,), (2,), (3,)]
    api.paths["/email"] = lambda ask: [{"id": 10, "a": 1}]
    await floor.extract(await floor.run(**given))
    assert await floor.rows("rest_api.campaigns", "SELECT id FROM {t} ORDER BY 1") == [(2,), (3,), (10,)]
    assert {one["name"] for one in (await floor.dataset("rest_api.campaigns")).columns} >= {"id", "a"}
    assert "table_shared" not in floor.reports.events


async def test_a_trial_changes_nothing_but_its_own_table(floor: Any, api: FakeApi) -> None:
    api.paths["/items"] = numbers(api, 9)
    resource = {"name": "items", "incremental": {"cursor_path": "id", "param": "after"}}
    given: dict[str, Any] = {"source": "rest_api", "base_url": api.url, "resources": [resource]}
    await floor.extract(await floor.run(**given, limit_rows=4))
    assert await floor.rows("rest_api.items__trial", "SELECT count(*) FROM {t}") == [(4,)]
    assert await lake.dataset(floor.pool, floor.org_id, "bronze", "rest_api.items") is None
    await floor.extract(await floor.run(**given))
    assert await floor.rows("rest_api.items", "SELECT count(*), count(DISTINCT id) FROM {t}") == [(9, 9)]
    await floor.extract(await floor.run(source="sample", resources=["a"], rows=100, slices=4, limit_rows=30))
    assert await floor.rows("sample.a__trial", "SELECT count(*) FROM {t}") == [(30,)]


async def test_definitions_that_share_a_table_unknowingly_are_told_of_each_other(floor: Any, api: FakeApi) -> None:
    api.paths["/items"] = lambda ask: [{"id": 1}]
    given: dict[str, Any] = {"source": "rest_api", "base_url": api.url, "resources": ["items"]}
    for _ in range(2):
        await floor.extract(await floor.run(**given))
    assert "table_shared" not in floor.reports.events
    for changed in (
        {"resources": [{"name": "items", "params": {"status": "closed"}}]},
        {"base_url": api.url.replace("127.0.0.1", "localhost")},
        {"resources": [{"name": "other", "path": "items", "table": "items"}]},
    ):
        before = floor.reports.events.count("table_shared")
        await floor.extract(await floor.run(**(given | changed)))
        assert floor.reports.events.count("table_shared") == before + 1


async def test_apis_without_a_connection_have_cursors_of_their_own(floor: Any, api: FakeApi) -> None:
    api.paths["/items"] = numbers(api, 5)
    resource = {"name": "items", "incremental": {"cursor_path": "id", "param": "after"}}
    with serving() as other:
        other.paths["/items"] = numbers(other, 3)
        for one, rows in ((api, 5), (other, 3), (api, 0), (other, 0)):
            given: dict[str, Any] = {"source": "rest_api", "base_url": one.url, "resources": [resource]}
            result = await floor.extract(await floor.run(**given))
            assert result["recordsProcessed"] == rows
