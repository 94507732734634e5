"""`vai agents`: what people see of agents and of what their runs said and did."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import Result

Vai = Callable[..., Result]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("list", ("order-analyst", "default", "3")),
        ("show order-analyst", ("gold.sales", "look_up", "example.com", "steps 20", "Answer questions")),
        ("runs", ("order-analyst", "completed", "How many orders?")),
        ("runs order-analyst --status completed", ("order-analyst", "completed", "How many orders?")),
        (
            "transcript 0199f555-0000-7000-8000-0000000000bb",
            (
                "Let me see.",
                "look_up",
                "refused: there is no tool",
                "1 steps, 1 calls, 1,230 tokens, 0.2500",
                "--after 1",
            ),
        ),
    ],
)
def test_it_is_told_for_people_and_for_programs(vai: Vai, words: str, told: tuple[str, ...]) -> None:
    done = vai("agents", *words.split())
    assert done.exit_code == 0, done.output
    assert [each for each in told if each not in done.output] == []
    json.loads(vai("agents", *words.split(), "--json").stdout)


def test_an_agent_is_saved_changed_and_removed(vai: Vai, tmp_path: Path) -> None:
    file = tmp_path / "agent.json"
    file.write_text('{"name": "Other", "instructions": "Help."}')
    assert "Other" in vai("agents", "create", str(file)).stdout
    assert "Other" in vai("agents", "update", "order-analyst", str(file)).stdout
    assert "order-analyst deleted" in vai("agents", "delete", "order-analyst").output


def test_a_run_that_becomes_an_automation_is_told_part_by_part(vai: Vai) -> None:
    run = "0199f555-0000-7000-8000-0000000000bb"
    words = ("agents", "crystallize", run, "--name", "Orders", "--parameter", "city=Konya", "--dry-run")
    done = vai(*words)
    assert done.exit_code == 0, done.output
    steps = ("not saved", "look_up", "behind query_datasets", "city: default Konya", "today: to be given")
    wanted = (*steps, "shell of turn 1", "body.level = 2", "No step needs a model.")
    assert [each for each in wanted if each not in done.output] == []
    assert json.loads(vai(*words, "--json").stdout)["report"]["dryRun"] == "true"
