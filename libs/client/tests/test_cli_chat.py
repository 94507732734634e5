"""`vai chat` and `vai threads`: what a person sees, decides and stops; the platform is a few objects here."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from rich.console import Console
from typer.testing import Result

from vai.cli.commands.chat import Chat
from vai.models.answers import LogEntry, Run
from vai.models.threads import Message, Thread

Vai = Callable[..., Result]
BORN = "2026-11-29T12:00:00Z"
RUN = {"id": "r1", "kind": "http_request", "status": "awaiting_approval", "displayStatus": "awaiting_approval"}
RUN |= {
    "createdAt": BORN,
    "updatedAt": BORN,
    "triggerMethod": "agent",
    "definition": {"requires_approval": True, "url": "u"},
}
THREAD = {"id": "t1", "name": "Orders", "agent": {"id": "a", "slug": "helper", "name": "Helper"}, "messages": 1}
THREAD |= {"createdAt": BORN, "updatedAt": BORN, "head": "m1"}


def _message(status: str, text: str | None = None, **more: Any) -> Message:
    answer = {"runId": "r0", "status": status, "text": text, "tokens": 12, "dollars": 0.5} | more
    told = {"id": "m1", "place": 1, "text": "How many?", "createdAt": BORN, "versions": ["m1"], "answer": answer}
    return Message.read(told)


def _entry(event: str, message: str = "", **data: Any) -> LogEntry:
    at = datetime(2026, 11, 29, tzinfo=UTC)
    told = {"id": "e", "event": event, "message": message, "data": data, "level": "info", "occurredAt": at.isoformat()}
    return LogEntry.read(told | {"attempt": 1, "workerId": None})


class Platform:
    """Stands in for a client: what it says in its stream, and what was asked of it."""

    def __init__(self, entries: list[LogEntry | type[BaseException]], end: Message) -> None:
        self.entries, self.last, self.did = entries, end, list[str]()
        self.threads = self.agents = self.runs = self

    def post(self, thread_id: str, text: str | None, *, replaces: str | None = None) -> Message:
        self.did.append(f"post {text} {replaces}")
        return _message("pending")

    def message(self, thread_id: str, message_id: str, wait: float) -> Message:
        return self.last

    def stream(self, run_id: str) -> Iterator[LogEntry]:
        for one in self.entries:
            if not isinstance(one, LogEntry):
                raise one
            yield one

    def get(self, name: str) -> Run | Thread:
        return Thread.read(THREAD) if name == "t1" else Run.read(RUN)

    def approve(self, run_id: str) -> Run:
        self.did.append("approve")
        return Run.read(RUN)

    def reject(self, run_id: str) -> Run:
        self.did.append("reject")
        return Run.read(RUN | {"status": "rejected"})

    def stop(self, thread_id: str) -> Message:
        self.did.append("stop")
        return self.last


def _talk(platform: Platform, *lines: str | type[BaseException]) -> tuple[Chat, StringIO]:
    shown, left = StringIO(), list(lines)

    def ask(prompt: str) -> str:
        said = left.pop(0) if left else EOFError
        if isinstance(said, str):
            return said
        raise said

    console = Console(file=shown, highlight=False, soft_wrap=True, width=200)
    return Chat(platform, Thread.read(THREAD), console, ask), shown  # type: ignore[arg-type]


CALL = _entry("tool_called", "Calls tell", tool="tell", run_id="r1")
TEXT = [_entry("model_text", "Let me ", offset=0), _entry("model_text", "see.\x1b[2J", offset=7)]


@pytest.mark.parametrize(("said", "did"), [("y", "approve"), ("n", "reject"), ("", "reject"), (EOFError, None)])
def test_a_call_is_decided_where_it_comes(said: Any, did: str | None) -> None:
    platform = Platform(
        [*TEXT, CALL, _entry("tool_ended", tool="tell", status="completed")], _message("completed", "!")
    )
    talk, shown = _talk(platform, said)
    talk.say("How many?")
    assert platform.did == ["post How many? None", *([did] if did else [])]
    assert shown.getvalue().startswith("Let me see.")
    assert "\x1b" not in shown.getvalue()
    assert "  tell  url=u  r1" in shown.getvalue()


def test_ctrl_c_stops_the_answer_and_not_the_program() -> None:
    platform = Platform([*TEXT, KeyboardInterrupt], _message("cancelled"))
    talk, shown = _talk(platform, KeyboardInterrupt, "One", "", "/nonsense", "/again", "/edit", "/edit Two", EOFError)
    talk.until_left()
    assert platform.did == ["post One None", "stop", "post None m1", "stop", "post Two m1", "stop"]
    assert shown.getvalue().count("cancelled") == 3


def test_what_was_not_streamed_is_shown_at_the_end() -> None:
    error = {"code": "DATA_ERROR", "message": "too many\nsteps"}
    ends = {
        "Forty two.": _message("completed", "Forty two."),
        '"n": 42': _message("completed", None, output={"n": 42}),
        "failed: DATA_ERROR: too many\nsteps": _message("failed", None, error=error),
    }
    for wanted, end in ends.items():
        talk, shown = _talk(Platform([], end))
        talk.say("How many?")
        assert wanted in shown.getvalue()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ("threads", ("Orders", "helper")),
        ("threads show 0199f555-0000-7000-8000-0000000000dd", ("> How many?", "Forty two.", "1 other version")),
        ("threads rename 0199f555-0000-7000-8000-0000000000dd Costs", ("is called Costs",)),
        ("threads delete 0199f555-0000-7000-8000-0000000000dd", ("deleted",)),
        ("threads crystallize 0199f555-0000-7000-8000-0000000000dd --name N --parameter a=b --dry-run", ("not saved",)),
    ],
)
def test_threads_are_told_for_people_and_for_programs(vai: Vai, words: str, told: tuple[str, ...]) -> None:
    done = vai(*words.split())
    assert done.exit_code == 0, done.output
    assert [each for each in told if each not in done.output] == []
    json.loads(vai(*words.split(), "--json").stdout)
