"""`vai chat`: a conversation in the terminal, with text and calls as they come, and approvals in place."""

import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from vai.cli import find
from vai.cli.context import FAILED, connect
from vai.cli.screen import show
from vai.client import Client
from vai.errors import ApiError, VaiError
from vai.models.answers import LogEntry
from vai.models.threads import Message, Thread

from .threads import print_answer, readable, whose

HELP = "Ctrl-C stops an answer, Ctrl-D leaves. /again answers anew, /edit TEXT says the last message in other words."
_APPROVAL_SECONDS = 10.0
_LOOK = 0.1

Ask = Callable[[str], str]
"""Asks the person for a line. Raises EOFError where there is none, KeyboardInterrupt for Ctrl-C."""


def chat(
    message: Annotated[
        str | None, typer.Argument(metavar="[MESSAGE]", help="Say this, and end after the answer.")
    ] = None,
    agent: Annotated[str | None, typer.Option("--agent", help="A saved agent, by id or slug.")] = None,
    model: Annotated[str | None, typer.Option("--model", help="Without an agent: connection/model.")] = None,
    dataset: Annotated[
        list[str] | None, typer.Option("--dataset", help="A table that is attached. Repeatable.")
    ] = None,
    thread: Annotated[str | None, typer.Option("--thread", help="Go on in this one, by its id.")] = None,
) -> None:
    """Talk with an agent, or with a model."""
    if thread is not None and (agent or model or dataset):
        raise typer.BadParameter("a thread has its agent and tables: leave out --agent, --model and --dataset")
    with connect() as client:
        if thread is not None:
            found = client.threads.get(find.whole_id(client, find.THREAD, thread))
        else:
            found = client.threads.create(agent, datasets=dataset, own={"model": model} if model else None)
        talk = Chat(client, found, show.output(), input if sys.stdin.isatty() else None, thread is None)
        if message is None and not sys.stdin.isatty():
            message = sys.stdin.read()
        if message is not None:
            said = talk.say(message)
            show.data(said.raw)
            show.notes().print(Text(f"To go on: vai chat --thread {found.id}", "dim"))
            if said.answer is None or said.answer.status != "completed":
                raise typer.Exit(FAILED)
            return
        talk.until_left()


@dataclass
class Chat:
    """One conversation. `ask` is None where nobody can be asked."""

    client: Client
    thread: Thread
    out: Console
    ask: Ask | None
    is_new: bool = False

    def until_left(self) -> None:
        """Asks for messages, and shows their answers, until the person leaves."""
        import readline  # noqa: F401  # lines can be edited then

        assert self.ask is not None
        show.notes().print(Text(f"{self.thread.id}  {show.clean(whose(self.thread))}. {HELP}", "dim"))
        while True:
            try:
                line = self.ask("> ").strip()
            except KeyboardInterrupt:
                self.out.print()
                continue
            except EOFError:
                break
            if line in ("/exit", "/quit"):
                break
            try:
                self._take(line)
            except VaiError as error:
                show.notes().print(Text(readable(str(error)), "red"))
        if self.is_new:  # nothing was said in it
            self.client.threads.delete(self.thread.id)
        else:
            show.notes().print(Text(f"To go on: vai chat --thread {self.thread.id}", "dim"))

    def _take(self, line: str) -> None:
        command, _, rest = line.partition(" ")
        if command in ("/again", "/edit"):
            thread = self.client.threads.get(self.thread.id)
            if thread.head is None or (command == "/edit" and not rest.strip()):
                show.notes().print(
                    Text("there is nothing to say anew" if thread.head is None else "/edit TEXT", "yellow")
                )
                return
            self.say(rest.strip() or None, replaces=thread.head)
        elif command.startswith("/") and command.isascii() and command[1:].isalpha() and not rest:
            show.notes().print(Text(HELP, "yellow"))
        elif line:
            self.say(line)

    def say(self, text: str | None, replaces: str | None = None) -> Message:
        """Posts a message and shows its answer until it has ended; Ctrl-C stops the answer."""
        said = self.client.threads.post(self.thread.id, text, replaces=replaces)
        assert said.answer is not None
        self.is_new = False
        live = Live(self.client, self.out, self.ask)
        try:
            for entry in self.client.agents.stream(said.answer.run_id):
                live.take(entry)
        except KeyboardInterrupt:
            live.line()
            said = self._stopped(said)
        else:
            said = self.client.threads.message(self.thread.id, said.id, wait=5)
        live.end(said)
        return said

    def _stopped(self, said: Message) -> Message:
        show.notes().print(Text("stopping …", "dim"))
        with suppress(KeyboardInterrupt):  # pressed twice: it is being stopped already
            self.client.threads.stop(self.thread.id)
        return self.client.threads.message(self.thread.id, said.id, wait=10)


class Live:
    """Shows one answer as it comes."""

    def __init__(self, client: Client, out: Console, ask: Ask | None) -> None:
        self._client, self._out, self._ask = client, out, ask
        self._said, self._open = "", False

    def take(self, entry: LogEntry) -> None:
        """One entry of the run's log."""
        data = entry.data
        if entry.event == "model_text":
            self._text(entry.message, begins=data.get("offset") == 0)
        elif entry.event == "tool_called":
            self.line()
            self._called(str(data.get("tool")), str(data.get("run_id")))
        elif entry.event == "tool_ended":
            self.line()
            status = show.status_text(str(data.get("status")))
            self._out.print(Text.assemble("  ", (show.clean(str(data.get("tool"))), "bold"), "  ", status))
        elif entry.event in ("tool_refused", "answer_refused", "conversation_shortened"):
            self.line()
            self._out.print(Text(f"  {show.shortened(show.clean(entry.message), 300)}", "yellow"))

    def _text(self, text: str, *, begins: bool) -> None:
        if begins:
            self.line()
            self._said = ""
        self._said += text
        if not show.for_programs():
            self._out.print(Text(readable(text)), end="")
            self._open = not text.endswith("\n")

    def line(self) -> None:
        """Ends the line that the text has begun."""
        if self._open:
            self._out.print()
        self._open = False

    def end(self, said: Message) -> None:
        """What the stream has not shown: an answer without live text, data, an error, the cost."""
        self.line()
        answer = said.answer
        if show.for_programs() or answer is None:
            return
        if answer.status != "completed" or answer.output is not None or not self._said.strip():
            print_answer(said, self._out)
        cost = "" if answer.dollars is None else f", {answer.dollars:.4f} US dollars"
        if answer.tokens is not None:
            show.notes().print(Text(f"{answer.tokens:,} tokens{cost}", "dim"))

    def _called(self, tool: str, run_id: str) -> None:
        run = self._client.runs.get(run_id)
        given = {key: value for key, value in run.definition.items() if key not in _OURS}
        about = show.shortened(show.clean(", ".join(f"{key}={value}" for key, value in given.items())), 160)
        if not show.for_programs():
            self._out.print(Text.assemble("  ", (show.clean(tool), "bold"), f"  {about}  ", (run_id, "dim")))
        if run.definition.get("requires_approval") is True and not run.ended:
            self._decide(run_id)

    def _decide(self, run_id: str) -> None:
        """The person decides here whether a call is made; where nobody can be asked, the call waits."""
        if self._ask is None:
            show.notes().print(Text(f"  {show.approval_hint(run_id)}", "yellow"))
            return
        try:
            yes = self._ask("  Approve this call? [y/n] ").strip().lower() in ("y", "yes")
        except EOFError:
            show.notes().print(Text(f"  {show.approval_hint(run_id)}", "yellow"))
            return
        try:
            self._until_it_waits(run_id)
            run = self._client.runs.approve(run_id) if yes else self._client.runs.reject(run_id)
            self._out.print(Text("  approved" if yes else f"  {run.status}", "green" if yes else "yellow"))
        except ApiError as error:
            show.notes().print(Text(f"  {readable(str(error))}", "red"))

    def _until_it_waits(self, run_id: str) -> None:
        left = _APPROVAL_SECONDS
        while left > 0 and self._client.runs.get(run_id).display_status == "pending":
            self._client.pause(_LOOK)
            left -= _LOOK


_OURS = frozenset(("requires_approval", "approval_timeout_seconds", "follow_redirects", "allowed_domains"))
