"""A link without a worker, for tests of what runs in a child process. What a real link could not send is an error."""

from collections.abc import Callable
from typing import Any

from vai_worker.children import frames
from vai_worker.children.link import Level, Stop


class RecordingLink:
    """Collects what a heavy kind says; `answers` maps a question to the function that answers it."""

    def __init__(self, answers: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] | None = None) -> None:
        self.answers = answers or {}
        self.logs: list[tuple[str, str, dict[str, Any], str]] = []
        self.progresses: list[dict[str, Any]] = []
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.stopping = False

    def log(self, event: str, message: str, data: dict[str, Any] | None = None, level: Level = "info") -> None:
        frames.encode({"event": event, "message": message, "data": data})
        self.logs.append((event, message, data or {}, level))

    def progress(self, progress: dict[str, Any]) -> None:
        frames.encode(progress)
        self.progresses.append(progress)

    def ask(self, question: str, payload: dict[str, Any]) -> dict[str, Any]:
        frames.encode(payload)
        self.asked.append((question, payload))
        answer = self.answers.get(question)
        return answer(payload) if answer else {}

    def check(self) -> None:
        if self.stopping:
            raise Stop

    @property
    def events(self) -> list[str]:
        return [event for event, *_ in self.logs]

    @property
    def warnings(self) -> list[str]:
        return [event for event, _, _, level in self.logs if level == "warning"]
