"""The groups of the blocking client: each call of `calls/`, bound to a way of sending it."""

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import httpx2

from .call import Call, Conversation, Page
from .calls import (
    actions,
    agents,
    alerts,
    api_keys,
    artifacts,
    audit,
    automation_runs,
    automation_versions,
    automations,
    backfills,
    changes,
    connections,
    datasets,
    events,
    flashboards,
    installation,
    kinds,
    logs,
    organisation,
    runs,
    secrets,
    service_accounts,
    session,
    system,
    threads,
    users,
    variables,
    webhooks,
)
from .calls.changes import ChangeTail
from .dressing import dress, iterated, of_call, of_conversation, rename
from .errors import ApiError, VaiError
from .models.answers import Answer, LogEntry
from .models.datasets import FileFormat
from .models.flashboards import BoardFormat
from .models.people import RunChange
from .tail import Ask, LogTail, Tail

if TYPE_CHECKING:
    from .client import Client

P = ParamSpec("P")
T = TypeVar("T")
A = TypeVar("A", bound=Answer)
E = TypeVar("E")


class Group:
    """A group of a blocking client's methods."""

    def __init__(self, client: "Client") -> None:
        self._client = client

    def __init_subclass__(cls) -> None:
        rename(cls)


def _ask(build: Callable[P, Call[T]]) -> Callable[Concatenate[Group, P], T]:
    @wraps(build)
    def method(self: Group, /, *args: P.args, **kwargs: P.kwargs) -> T:
        return self._client.send(build(*args, **kwargs))

    return dress(method, build, of_call)


def _all(build: Callable[P, Call[Page[A]]]) -> Callable[Concatenate[Group, P], Iterator[A]]:
    @wraps(build)
    def method(self: Group, /, *args: P.args, **kwargs: P.kwargs) -> Iterator[A]:
        call: Call[Page[A]] | None = build(*args, **kwargs)
        while call is not None:
            page = self._client.send(call)
            yield from page.items
            call = page.next

    return dress(method, build, iterated(Iterator))


def _talk(build: Callable[P, Conversation[T]]) -> Callable[Concatenate[Group, P], T]:
    @wraps(build)
    def method(self: Group, /, *args: P.args, **kwargs: P.kwargs) -> T:
        conversation = build(*args, **kwargs)
        try:
            step = next(conversation)
            while True:
                try:
                    answer = self._client.take(step)
                except VaiError as error:
                    step = conversation.throw(error)
                else:
                    step = conversation.send(answer)
        except StopIteration as end:
            return end.value  # type: ignore[no-any-return]

    return dress(method, build, of_conversation)


class Actions(Group):
    """`client.actions`"""

    create, get, by_slug = _ask(actions.create), _ask(actions.get), _ask(actions.by_slug)
    update, delete, run = _ask(actions.update), _ask(actions.delete), _ask(actions.run)
    list, iterate = _ask(actions.listing), _all(actions.listing)


class Runs(Group):
    """`client.runs`"""

    create, get, delete = _ask(runs.create), _ask(runs.get), _ask(runs.delete)
    create_many, bulk, run_again = _ask(runs.create_many), _ask(runs.bulk), _ask(runs.run_again)
    list, iterate, wait = _ask(runs.listing), _all(runs.listing), _talk(runs.wait)
    approve, reject, cancel = _ask(runs.approve), _ask(runs.reject), _ask(runs.cancel)
    pause, resume, execute, retry = _ask(runs.pause), _ask(runs.resume), _ask(runs.execute), _ask(runs.retry)

    def changes(
        self,
        *,
        status: str | Sequence[str] | None = None,
        kind: str | Sequence[str] | None = None,
        action_id: str | None = None,
        parent_action_run_id: str | None = None,
    ) -> "ChangeStream":
        """Each run of the organisation as it changes, for ever, with the filters of the list."""
        filters = changes.stream(
            status=status, kind=kind, action_id=action_id, parent_action_run_id=parent_action_run_id
        )
        return ChangeStream(self._client, filters)


class Logs(Group):
    """`client.logs`"""

    list, iterate = _ask(logs.listing), _all(logs.listing)
    search, search_all = _ask(logs.search), _all(logs.search)

    def stream(self, run_id: str, after: str | None = None) -> "LogStream":
        """The live log, after the entry `after`, until the run has ended."""
        return LogStream(self._client, logs.stream, run_id, after)


class Connections(Group):
    """`client.connections`"""

    create, get, test = _ask(connections.create), _ask(connections.get), _ask(connections.test)
    update, delete = _ask(connections.update), _ask(connections.delete)
    list, iterate = _ask(connections.listing), _all(connections.listing)


class Datasets(Group):
    """`client.datasets`"""

    get, versions, iterate_versions = _ask(datasets.get), _ask(datasets.versions), _all(datasets.versions)
    list, iterate = _ask(datasets.listing), _all(datasets.listing)
    lineage, preview, profile = _ask(datasets.lineage), _ask(datasets.preview), _ask(datasets.profile)

    def download(self, dataset: str, *, format: FileFormat = "parquet", version: int | None = None) -> Iterator[bytes]:
        """The whole table as a file, piece by piece. Raises where it breaks off: what came is not whole then."""
        return self._client.pieces_of(datasets.download(dataset, format=format, version=version))


class Automations(Group):
    """`client.automations`"""

    create, get, by_slug = _ask(automations.create), _ask(automations.get), _ask(automations.by_slug)
    update, delete, validate = _ask(automations.update), _ask(automations.delete), _ask(automations.validate)
    versions, iterate_versions = _ask(automation_versions.listing), _all(automation_versions.listing)
    version, difference = _ask(automation_versions.get), _ask(automation_versions.difference)
    body, restore = _ask(automations.body), _ask(automation_versions.restore)
    list, iterate = _ask(automations.listing), _all(automations.listing)
    pause, resume = _ask(automations.pause), _ask(automations.resume)
    trigger, backfill, graph = _ask(automations.trigger), _ask(automations.backfill), _ask(automations.graph)
    get_backfill, cancel_backfill = _ask(backfills.get), _ask(backfills.cancel)
    backfills, iterate_backfills = _ask(backfills.listing), _all(backfills.listing)


class AutomationRuns(Group):
    """`client.automation_runs`"""

    get, cancel, retry = _ask(automation_runs.get), _ask(automation_runs.cancel), _ask(automation_runs.retry)
    execute = _ask(automation_runs.execute)
    list, iterate = _ask(automation_runs.listing), _all(automation_runs.listing)
    wait, graph = _talk(automation_runs.wait), _ask(automation_runs.graph)

    def stream(self, run_id: str, after: str | None = None) -> "LogStream":
        """Each change of a step as it happens, after the entry `after`, until the automation run has ended."""
        return LogStream(self._client, automation_runs.stream, run_id, after)


class Users(Group):
    """`client.users`"""

    create, get, update, delete = _ask(users.create), _ask(users.get), _ask(users.update), _ask(users.delete)
    list, iterate = _ask(users.listing), _all(users.listing)


class ApiKeys(Group):
    """`client.api_keys`"""

    create, get, revoke = _ask(api_keys.create), _ask(api_keys.get), _ask(api_keys.revoke)
    list, iterate, scopes = _ask(api_keys.listing), _all(api_keys.listing), _ask(api_keys.scopes)
    rotate = _ask(api_keys.rotate)


class ServiceAccounts(Group):
    """`client.service_accounts`"""

    create, get, update = _ask(service_accounts.create), _ask(service_accounts.get), _ask(service_accounts.update)
    delete, list = _ask(service_accounts.delete), _ask(service_accounts.listing)
    iterate = _all(service_accounts.listing)


class Organisation(Group):
    """`client.organisation`"""

    get, update = _ask(organisation.get), _ask(organisation.update)


class Session(Group):
    """`client.session`"""

    me, sign_in, sign_out = _ask(session.me), _ask(session.sign_in), _ask(session.sign_out)
    change_password, accept_invitation = _ask(session.change_password), _ask(session.accept_invitation)


class Agents(Group):
    """`client.agents`"""

    create, get, by_slug = _ask(agents.create), _ask(agents.get), _ask(agents.by_slug)
    update, delete, transcript = _ask(agents.update), _ask(agents.delete), _ask(agents.transcript)
    list, iterate = _ask(agents.listing), _all(agents.listing)
    runs, iterate_runs, crystallize = _ask(agents.runs), _all(agents.runs), _ask(agents.crystallize)

    def stream(self, run_id: str, after: str | None = None) -> "LogStream":
        """The live run of an agent: text as it comes, calls and their ends, after the entry `after`."""
        return LogStream(self._client, agents.stream, run_id, after)


class Threads(Group):
    """`client.threads`"""

    create, get, update, delete = _ask(threads.create), _ask(threads.get), _ask(threads.update), _ask(threads.delete)
    post, message, stop = _ask(threads.post), _ask(threads.message), _ask(threads.stop)
    list, iterate = _ask(threads.listing), _all(threads.listing)
    messages, iterate_messages = _ask(threads.messages), _all(threads.messages)
    crystallize = _ask(threads.crystallize)


class Alerts(Group):
    """`client.alerts`"""

    create, get, rules, update = _ask(alerts.create), _ask(alerts.get), _ask(alerts.rules), _ask(alerts.update)
    delete, test = _ask(alerts.delete), _ask(alerts.test)
    list, iterate = _ask(alerts.listing), _all(alerts.listing)
    alert, send_again = _ask(alerts.alert), _ask(alerts.send_again)


class Variables(Group):
    """`client.variables`"""

    put, get, delete = _ask(variables.put), _ask(variables.get), _ask(variables.delete)
    list, iterate = _ask(variables.listing), _all(variables.listing)


class Secrets(Group):
    """`client.secrets`"""

    put, get, delete = _ask(secrets.put), _ask(secrets.get), _ask(secrets.delete)
    list, iterate = _ask(secrets.listing), _all(secrets.listing)


class Kinds(Group):
    """`client.kinds`"""

    list, templates = _ask(kinds.listing), _ask(kinds.templates)
    sources, source, models = _ask(kinds.sources), _ask(kinds.source), _ask(kinds.models)


class Audit(Group):
    """`client.audit`"""

    list, iterate = _ask(audit.listing), _all(audit.listing)


class System(Group):
    """`client.system`"""

    get = _ask(system.get)


class Events(Group):
    """`client.events`"""

    replay = _ask(events.replay)


class Webhooks(Group):
    """`client.webhooks`"""

    send = _ask(webhooks.send)


class Installation(Group):
    """`client.installation`, for a client that has the installation's token as its key"""

    create_organisation, get_organisation = _ask(installation.create_organisation), _ask(installation.get_organisation)
    update_organisation = _ask(installation.update_organisation)
    organisations, iterate_organisations = _ask(installation.organisations), _all(installation.organisations)


class Artifacts(Group):
    """`client.artifacts`"""

    get, share = _ask(artifacts.get), _ask(artifacts.share)
    list, iterate = _ask(artifacts.listing), _all(artifacts.listing)

    def download(self, artifact_id: str) -> Iterator[bytes]:
        """The file, piece by piece. Raises where it breaks off: what came is not whole then."""
        return self._client.pieces_of(artifacts.download(artifact_id))


class Flashboards(Group):
    """`client.flashboards`"""

    get, delete, refresh = _ask(flashboards.get), _ask(flashboards.delete), _ask(flashboards.refresh)
    list, iterate, share = _ask(flashboards.listing), _all(flashboards.listing), _ask(flashboards.share)
    versions, iterate_versions = _ask(flashboards.versions), _all(flashboards.versions)
    version, delete_version, revoke = (
        _ask(flashboards.version),
        _ask(flashboards.delete_version),
        _ask(flashboards.revoke),
    )
    links, iterate_links = _ask(flashboards.links), _all(flashboards.links)

    def export(
        self, flashboard: str, tile: str | None = None, *, format: BoardFormat | None = None, version: int | None = None
    ) -> Iterator[bytes]:
        """The whole as one HTML file, or a tile as CSV, SVG or PNG, piece by piece."""
        return self._client.pieces_of(flashboards.export(flashboard, tile, format=format, version=version))


class LogStream(LogTail):
    """The log of a run or an automation run while it grows: iterate over it; then `final_status` says how it ended."""

    def __init__(self, client: "Client", ask: Ask, run_id: str, after: str | None) -> None:
        super().__init__(client.api_url, ask, run_id, after, client.retries)
        self._client = client

    def __iter__(self) -> Iterator[LogEntry]:
        return _read(self._client, self)


class ChangeStream(ChangeTail):
    """The runs of the organisation as they change: iterate over it; it does not end."""

    def __init__(self, client: "Client", call: Call[None]) -> None:
        super().__init__(client.api_url, call, client.retries)
        self._client = client

    def __iter__(self) -> Iterator[RunChange]:
        return _read(self._client, self)


def _read(client: "Client", tail: Tail[E]) -> Iterator[E]:
    while not tail.done():
        failure: Exception | None = None
        try:
            for event in client.events_of(tail):
                taken = tail.take(event)
                if taken is not None:
                    yield taken
                if tail.done():
                    return
        except (httpx2.TransportError, ApiError) as error:
            failure = error
        if not tail.done():
            client.pause(tail.broken(failure))
