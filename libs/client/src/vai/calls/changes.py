"""The stream of changes of an organisation's runs, for screens that show them."""

import json
from collections.abc import Sequence

import httpx2

from vai.call import Call, get_call, given, nothing
from vai.errors import UnexpectedAnswer
from vai.models.answers import Run
from vai.models.people import RunChange
from vai.sending import Retries
from vai.tail import Tail


def stream(
    *,
    status: str | Sequence[str] | None = None,
    kind: str | Sequence[str] | None = None,
    action_id: str | None = None,
    parent_action_run_id: str | None = None,
) -> Call[None]:
    """The changes as server-sent events, with the filters of the list."""
    query = given(status=status, kind=kind, action_id=action_id, parent_action_run_id=parent_action_run_id)
    headers = {"Accept": "text/event-stream"}
    return Call("GET", get_call("/action-runs/stream", nothing).path, nothing, query, headers=headers, repeatable=True)


class ChangeTail(Tail[RunChange]):
    """Follows the changes for ever. The stream does not resume: after an interruption it sends `ready` again."""

    def __init__(self, url: str, call: Call[None], retries: Retries) -> None:
        super().__init__(url, lambda _run_id, _after: call, "the runs", None, retries)

    def take(self, event: httpx2.ServerSentEvent) -> RunChange | None:
        """The change that this event carries, if it carries one."""
        self._failures = 0
        try:
            if event.event == "run":
                run = Run.read(event.json())
                return RunChange("run", run, run.id, run.status)
            if event.event == "gone":
                told = json.loads(event.data)
                return RunChange("gone", None, told["id"], told["status"])
        except (ValueError, KeyError, TypeError) as error:
            raise UnexpectedAnswer("the stream of runs has sent something that is no run") from error
        if event.event in ("ready", "reset"):
            return RunChange("ready" if event.event == "ready" else "reset")
        return None
