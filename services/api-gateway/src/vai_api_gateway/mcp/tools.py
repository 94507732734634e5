"""The tools that every client has: what they take, which role they need, and which routes they call."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Any, Final, Literal

from pydantic import Field, model_validator

from vai_api_gateway.http.shapes import Body, Key, KindName, StatusName
from vai_api_gateway.mcp.following import RUNS, Following, ended, found, settled
from vai_records.definitions.generate_query import MOST_ROWS
from vai_records.people.people import Role
from vai_records.strict import Id

Json = dict[str, Any]

LONGEST_WAIT: Final = 3_000
"""Seconds that a call may ask to be waited for."""
_FEW_ROWS: Final = 5

Wait = Annotated[
    int | None,
    Field(
        ge=0,
        le=LONGEST_WAIT,
        description="Seconds to wait for the end; absent: 50, or as long as you take reports of progress.",
    ),
]
RunId = Annotated[Id, Field(description="The id of a run, or of an automation run.")]
Name = Annotated[str, Field(min_length=1, max_length=255)]


class ListRuns(Body):
    """Filters of the list of runs, newest first."""

    status: list[StatusName] = Field(default=[], max_length=10)
    kind: list[KindName] = Field(default=[], max_length=20)
    q: Name | None = Field(default=None, description="A part of a name, a key or an error's message.")
    limit: int = Field(default=20, ge=1, le=100)
    cursor: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="nextCursor of the page before."
    )


class StartRun(Body):
    """Give just one of `kind`, `action` and `automation`."""

    kind: KindName | None = Field(default=None, description="A run of this kind, with its `definition`.")
    action: Name | None = Field(default=None, description="The slug of a saved action; `definition` overrides fields.")
    automation: Name | None = Field(default=None, description="The slug of an automation; `inputs` are its inputs.")
    definition: Json | None = None
    inputs: Json | None = None
    connection: Name | None = Field(default=None, description="The slug or id of a connection, for a `kind`.")
    idempotency_key: Key | None = Field(default=None, description="A repeat with the same key starts nothing.")
    wait_seconds: Wait = None

    @model_validator(mode="after")
    def _is_one_thing(self) -> "StartRun":
        if sum(one is not None for one in (self.kind, self.action, self.automation)) != 1:
            raise ValueError("give just one of kind, action and automation")
        if self.inputs is not None and self.automation is None:
            raise ValueError("inputs are for an automation; the others take a definition")
        if self.definition is not None and self.automation is not None:
            raise ValueError("an automation takes inputs, no definition")
        if self.connection is not None and self.kind is None:
            raise ValueError("a connection is for a kind; the others have their own")
        return self


class WaitForRun(Body):
    run_id: RunId
    wait_seconds: Wait = None


class OneRun(Body):
    run_id: RunId


class ReadLogs(Body):
    run_id: RunId
    after: Annotated[str, Field(max_length=200)] | None = Field(
        default=None, description="nextCursor of the page before."
    )
    level: Literal["debug", "info", "warning", "error"] | None = Field(default=None, description="The least level.")
    limit: int = Field(default=100, ge=1, le=500)


class SearchDatasets(Body):
    q: Name | None = Field(default=None, description="A part of the name; absent: those written last.")
    layer: list[Literal["bronze", "silver", "gold"]] = Field(default=[], max_length=3)
    limit: int = Field(default=20, ge=1, le=100)


class DescribeDataset(Body):
    dataset: Name = Field(description="The name with its layer: gold.sales.")


class QueryDatasets(Body):
    sql: Annotated[str, Field(min_length=1, max_length=100_000)] = Field(
        description="One SELECT of DuckDB over tables by their full names: SELECT count(*) FROM silver.orders."
    )
    datasets: list[Name] = Field(default=[], max_length=100, description="Which tables it may read; absent: all.")
    max_rows: int = Field(default=100, ge=1, le=MOST_ROWS)


Work = Callable[[Following, Any], Awaitable[Json]]


@dataclass(frozen=True)
class Generic:
    """`words` are what a model is told of it."""

    name: str
    words: str
    takes: type[Body]
    role: Role
    work: Work
    changes: bool = False

    @cached_property
    def schema(self) -> Json:
        """JSON Schema of what it takes."""
        return self.takes.model_json_schema(by_alias=True)


async def _list(following: Following, asked: ListRuns) -> Json:
    query = asked.model_dump(exclude_none=True)
    told = await following.routes.get(RUNS, query)
    return {"runs": told["runs"], "nextCursor": told["nextCursor"], "total": told["total"]}


async def _start(following: Following, asked: StartRun) -> Json:
    key = asked.idempotency_key
    if asked.automation is not None:
        automation = await following.routes.get(f"/api/v1/automations/slug/{_path(asked.automation)}")
        return await following.automation(automation["id"], asked.inputs or {}, key, asked.wait_seconds)
    if asked.action is not None:
        action = await following.routes.get(f"/api/v1/actions/slug/{_path(asked.action)}")
        return await following.action(action["id"], asked.definition, key, asked.wait_seconds)
    body: Json = {"kind": asked.kind, "definition": asked.definition or {}}
    if asked.connection is not None:
        body["connectionRef"] = asked.connection
    return await following.run(body, key, asked.wait_seconds)


async def _wait(following: Following, asked: WaitForRun) -> Json:
    path, _run = await found(following.routes, asked.run_id)
    return await following.until_ended(path, asked.wait_seconds)


async def _explain(following: Following, asked: OneRun) -> Json:
    """What became of it, and why: the run, what its log warns of, and the runs that it has started."""
    path, run = await found(following.routes, asked.run_id)
    log = await following.routes.get(f"{path}/logs", {"level": "warning", "limit": 50})
    told: Json = {"run": run, "warnings": log["entries"]}
    if path.startswith(RUNS):
        children = await following.routes.get(RUNS, {"parent_action_run_id": str(asked.run_id), "limit": 20})
        told["children"] = children["runs"]
    if not ended(run):
        told["waitsFor"] = run.get("heldFor") or run["status"]
    return told


async def _cancel(following: Following, asked: OneRun) -> Json:
    path, _run = await found(following.routes, asked.run_id)
    return settled(await following.routes.post(f"{path}/cancel", {}, {}))


async def _logs(following: Following, asked: ReadLogs) -> Json:
    path, _run = await found(following.routes, asked.run_id)
    return await following.routes.get(f"{path}/logs", asked.model_dump(exclude={"run_id"}, exclude_none=True))


async def _search(following: Following, asked: SearchDatasets) -> Json:
    told = await following.routes.get("/api/v1/datasets", asked.model_dump(exclude_none=True))
    return {"datasets": told["datasets"], "total": told["total"]}


async def _describe(following: Following, asked: DescribeDataset) -> Json:
    path = f"/api/v1/datasets/{_path(asked.dataset)}"
    told = await following.routes.get(path)
    rows = await following.routes.get(f"{path}/preview", {"rows": _FEW_ROWS})
    return {"dataset": told, "preview": rows}


async def _query(following: Following, asked: QueryDatasets) -> Json:
    definition = asked.model_dump(exclude_defaults=True) | {"max_rows": asked.max_rows}
    return await following.run({"kind": "generate_query", "definition": definition}, None, None)


def _path(name: str) -> str:
    """A name as a part of a path: what has a slash in it is no name of ours, and finds nothing."""
    return name.replace("/", "%2F")


GENERIC: Final[dict[str, Generic]] = {
    tool.name: tool
    for tool in (
        Generic("list_runs", "Lists runs, newest first.", ListRuns, Role.VIEWER, _list),
        Generic(
            "start_run",
            "Starts a run of a kind, a saved action or an automation, and waits for its end.",
            *(StartRun, Role.OPERATOR, _start, True),
        ),
        Generic("wait_for_run", "Waits for the end of a run and tells its result.", WaitForRun, Role.VIEWER, _wait),
        Generic(
            "explain_run",
            "Tells what became of a run and why: its definition, error, warnings, and what it waits for.",
            *(OneRun, Role.VIEWER, _explain),
        ),
        Generic("cancel_run", "Cancels a run that goes on.", OneRun, Role.OPERATOR, _cancel, True),
        Generic("read_logs", "Reads the log of a run, page by page.", ReadLogs, Role.VIEWER, _logs),
        Generic("search_datasets", "Finds tables of the lake by name.", SearchDatasets, Role.VIEWER, _search),
        Generic(
            "describe_dataset",
            "Shows the columns of a table, where its rows come from, and its first rows.",
            *(DescribeDataset, Role.VIEWER, _describe),
        ),
        Generic(
            "query_datasets",
            "Runs one read-only SQL query over tables of the lake, at most 30 seconds.",
            *(QueryDatasets, Role.OPERATOR, _query),
        ),
    )
}
