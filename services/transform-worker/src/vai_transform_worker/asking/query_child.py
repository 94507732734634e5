"""Runs a query over the lake, in the child process (rule 12). If a model wrote it and it fails, the model may correct
it.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from vai_common.errors import ErrorCode, RunError
from vai_records.definitions.generate_query import GenerateQuery
from vai_transform_worker.asking.opened_tables import Limits, opened
from vai_transform_worker.interruption import Watch
from vai_transform_worker.query import safety
from vai_worker.children.job import Job
from vai_worker.children.link import Link
from vai_worker.reading.sources import Source

_FENCED = re.compile(r"\s*```[a-zA-Z]*\n(.*?)\s*```\s*", re.DOTALL)

MOST_MENDINGS = 3
"""How often a model may correct its query after an error."""


def query(job: Job, link: Link) -> dict[str, Any]:
    """The entry of `generate_query`: returns the run's result."""
    definition = GenerateQuery.model_validate(job.definition)
    limits = Limits(job.prepared["memory_mb"], job.prepared["spill_mb"])
    with Watch(link, job.prepared["seconds"]) as watch:

        def queried(sql: str) -> dict[str, Any]:
            return read(job, watch, sql, limits, definition.max_rows)

        if definition.sql is not None:
            found = queried(definition.sql)
            return {"question": None, "explanation": None, "assumptions": [], "model": None, "mended": 0} | found
        told = answered(watch, lambda tried: watch.ask("write", {"tried": tried}), queried)
        return {"question": definition.question, **told}


def answered(
    watch: Watch,
    write: Callable[[list[dict[str, str]]], dict[str, Any]],
    queried: Callable[[str], dict[str, Any]],
) -> dict[str, Any]:
    """What a query of a model finds, and what was used for it. An error is sent back to it, three times at most.

    `write` gets the query, through the worker; it is told of those that failed. `queried` runs it.
    """
    tried: list[dict[str, str]] = []
    used: dict[str, Any] = {"tokens": {"input": 0, "output": 0}, "dollars": 0.0}
    while True:
        written = write(tried)
        used = together(used, written)
        sql = _bare(str(written["sql"]))
        watch.log("query_written", f"The model wrote: {sql[:1_000]}", {"sql": sql[:10_000], "attempt": len(tried) + 1})
        try:
            found = queried(sql)
        except RunError as error:
            if error.code != ErrorCode.DATA_ERROR or len(tried) >= MOST_MENDINGS:
                raise
            watch.warn("query_mended", f"The query is written again: {error.message}", {"sql": sql[:10_000]})
            tried.append({"sql": sql, "error": error.message})
            continue
        told = {name: written.get(name) for name in ("explanation", "assumptions", "model")}
        return {**told, **used, "mended": len(tried)} | found


def together(used: Mapping[str, Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """What several answers of models have used; the price of one that nobody knows makes the sum unknown."""
    tokens = {name: used["tokens"][name] + more["tokens"][name] for name in used["tokens"]}
    known = used["dollars"] is not None and more["dollars"] is not None
    return {"tokens": tokens, "dollars": used["dollars"] + more["dollars"] if known else None}


def _bare(sql: str) -> str:
    """The query without the fence of a Markdown block, which models like to put around it."""
    found = _FENCED.fullmatch(sql)
    return found[1] if found else sql


def read(job: Job, watch: Watch, sql: str, limits: Limits, most: int) -> dict[str, Any]:
    """The first rows of a query that was not judged yet, with its text and the tables that it reads."""
    sql = safety.without_end(sql)
    named = safety.tables_of(sql)
    sources = [Source(**each) for each in watch.ask("tables", {"names": named})["sources"]]
    safety.check_named(sql, [each.dataset for each in sources])
    with opened(job, watch, sources, limits) as tables:
        found = tables.rows(sql, most)
    return {"sql": sql, "datasets": [each.dataset for each in sources], **found}
