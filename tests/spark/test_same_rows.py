"""Every case in both engines. What came out before is in outcomes.json, and the document's table is drawn from it."""

import json
from collections.abc import Iterator

import pytest

from tests.spark import table
from tests.spark.both import Both
from tests.spark.cases import CASES
from tests.spark.tables import DIFFERS, GROUPS, Case
from vai_transform_worker.query import safety
from vai_transform_worker.spark.dialect import FUNCTIONS

OUTCOMES: dict[str, str] = json.loads(table.OUTCOMES.read_text())
HOUSE = {"error", "coalesce", "->>"}
"""Functions that our own SQL has, and names of operators that DuckDB keeps under another one."""

EXPRESSION = "SELECT id, … AS found FROM {t}"
AGGREGATE = {
    table: f"SELECT … AS found FROM {{t}} UNION ALL SELECT … FROM {{t}} GROUP BY {by}" for table, by in GROUPS.items()
}


@pytest.fixture(scope="module")
def both(spark: dict[str, str]) -> Iterator[Both]:
    with Both(spark) as both:
        yield both


def known(case: Case) -> str:
    return OUTCOMES[f"{case.table}: {case.what}"]


def together() -> list[list[Case]]:
    """Expressions and aggregates with the same rows, by the table and what they are in; twenty are one query."""
    groups: dict[tuple[str, str], list[Case]] = {}
    for case in CASES:
        if known(case) == "same" and case.what in case.sql and "unnest" not in case.what:
            around = case.sql.replace(case.what, "…")
            if around in (EXPRESSION, AGGREGATE[case.table]):
                groups.setdefault((case.table, around), []).append(case)
    return [batch for group in groups.values() for batch in (group[at : at + 20] for at in range(0, len(group), 20))]


def one_query(cases: list[Case]) -> Case:
    around = EXPRESSION if cases[0].sql == EXPRESSION.replace("…", cases[0].what) else AGGREGATE[cases[0].table]
    listed = ", ".join(f"{case.what} AS c{number}" for number, case in enumerate(cases))
    return Case(
        listed, cases[0].table, around.replace("… AS found", listed).replace("…", ", ".join(c.what for c in cases))
    )


TOGETHER = together()
ALONE = [case for case in CASES if case not in {each for batch in TOGETHER for each in batch}]


@pytest.mark.parametrize("cases", TOGETHER, ids=lambda cases: f"{cases[0].table}: {cases[0].what}, …")
def test_expressions_give_the_same_rows(both: Both, cases: list[Case]) -> None:
    if both.compare(one_query(cases)).said != "same":  # which is it?
        assert [(case.what, both.compare(case)) for case in cases if both.compare(case).said != "same"] == []
        raise AssertionError("each alone is the same, and together they are not")


@pytest.mark.parametrize("case", ALONE, ids=lambda case: f"{case.table}: {case.what}")
def test_the_outcome_is_the_known_one(both: Both, case: Case) -> None:
    outcome = both.compare(case)
    assert outcome.said == known(case), outcome
    assert outcome.said not in ("other",) or case.what in DIFFERS, outcome


def test_the_document_says_what_differs() -> None:
    assert table.page() == table.PAGE.read_text(), "run python -m tests.spark.table"


def test_each_function_that_is_let_through_was_compared() -> None:
    compared = {
        str(node["function_name"]).lower()
        for case in CASES
        if known(case) in ("same", "other")
        for node in safety.nodes_of(case.sql.replace("{t}", f"lake.{case.table}"))
        if node.get("function_name")
    }
    assert FUNCTIONS - HOUSE - compared == set()
