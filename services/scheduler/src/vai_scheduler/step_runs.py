"""Makes the run of a step that is ready: resolves its references and completes its definition."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any
from uuid import UUID

from vai_common.queries import Queries
from vai_records.automations import references, runs, steps
from vai_records.automations.advance import shown_state
from vai_records.automations.inputs import secret_names, with_defaults
from vai_records.automations.references import BadReference, Filled, Reference
from vai_records.automations.runs import Live
from vai_records.automations.saved_steps import with_name
from vai_records.automations.step_faults import branch_roots
from vai_records.automations.steps import Step
from vai_records.automations.versions import Version
from vai_records.catalogue import actions
from vai_records.catalogue.actions import ToRun
from vai_records.definitions.reading import shown
from vai_records.refused import Place, Refused
from vai_records.runs import orders
from vai_records.runs.new_run import NewRun, own_key
from vai_records.runs.orders import Customer, Lookups, Order
from vai_records.secrets.keys import Keyring, SecretError
from vai_records.validation import beside, checks
from vai_records.variables import names

Json = dict[str, Any]


class Unready(Exception):
    """The step cannot become a run. `error` is the error with which it fails.

    `broken`: the cause is not a value of this automation run; the saved definition itself does not work any more.
    """

    def __init__(self, message: str, *, broken: bool = False, field: str = "") -> None:
        super().__init__(message)
        details = {"field": field} if field else {}
        self.error: Json = {"code": "DATA_ERROR", "message": message, "details": details, "retryable": False}
        self.broken = broken


@dataclass
class Values:
    """The values of references: inputs, the status and result of steps that have ended, and what the organisation has
    named.
    """

    inputs: Json = field(default_factory=dict)
    event: Json | None = None
    steps: dict[str, Json] = field(default_factory=dict)
    named: Json = field(default_factory=dict, repr=False)
    secrets: Json = field(default_factory=dict, repr=False)
    """The inputs that are secret; in `inputs` is a marker in their place."""

    @property
    def roots(self) -> Json:
        return {"inputs": self.inputs, "steps": self.steps, "event": self.event or {}, **self.named}

    def look_up(self, secret: frozenset[str], reference: Reference) -> Any:
        """What it stands for; `secret` are the inputs that are. Raises `BadReference`."""
        if not (reference.path[0] == "inputs" and references.is_secret(reference, secret)):
            return reference.look_up(self.roots)
        name = reference.path[1]
        if len(reference.path) > 2 or name not in self.secrets:
            why = "a secret has no fields" if len(reference.path) > 2 else f"the secret input {name!r} was not given"
            raise BadReference(f"{reference.text} leads nowhere: {why}")
        return self.secrets[name]


@dataclass(frozen=True)
class Preparer:
    """Prepares the steps of one automation run within one look."""

    conn: Queries
    keyring: Keyring
    live: Live
    version: Version
    lookups: Lookups = field(default_factory=Lookups)
    actions: dict[UUID, ToRun | None] = field(default_factory=dict)
    orders: dict[str, Order] = field(default_factory=dict)

    async def values_for(self, keys: Iterable[str], standing: Mapping[str, Step]) -> Values:
        """The values to which the steps refer, and no others. Raises `Unready` if they are too large."""
        wanted = [path for key in keys for path in await self._paths(key)]
        named = {path[1] for path in wanted if path[0] == "steps" and len(path) > 1}
        if any(path == ("steps",) for path in wanted):
            named = set(standing)
        values = Values()
        if any(path[0] in ("event", "inputs") for path in wanted):
            event, inputs = await runs.given(self.conn, self.live.id)
            values.event, values.inputs = event, with_defaults(self.version.inputs, inputs)
        if any(path[0] == "inputs" and len(path) > 1 and path[1] in self._secret for path in wanted):
            values.secrets = await self._given_secrets()
        values.named = self.lookups.values.roots
        found = [standing[key] for key in named if key in standing]
        results = await self._results(found) if found else {}
        for step in found:
            result, approval = results.get(step.run_id, (None, None)) if step.run_id else (None, None)
            shown = {"status": _shown(step), "result": result, "error": step.error, "approval": approval}
            values.steps[step.key] = shown
        return values

    @property
    def _secret(self) -> frozenset[str]:
        return secret_names(self.version.inputs)

    async def _given_secrets(self) -> Json:
        """Raises `Unready` where they cannot be opened."""
        sealed = await runs.sealed(self.conn, self.live.id)
        if sealed is None:
            return {}
        try:
            opened: Json = self.keyring.decrypt_json(sealed, self.live.org_id, self.live.id)
        except SecretError as error:
            raise Unready(str(error)) from error
        return opened

    async def _results(self, found: Iterable[Step]) -> dict[UUID, tuple[Any, Any]]:
        try:
            return await steps.results(self.conn, [step.run_id for step in found if step.run_id])
        except steps.TooLarge as error:
            most, size = steps.MOST_BYTES_READ >> 20, (error.size >> 20) + 1
            message = f"the results that the step refers to have {size} MiB together, {most} MiB is the most"
            raise Unready(f"{message}: let large data go through tables of the lake") from error

    async def prepare(self, key: str, values: Values) -> NewRun:
        """The run of a step. Raises `Unready`."""
        step = self.version.steps[key]
        definition: Json = {}
        try:
            order = await self._order(key)
            await self._learn(order)
            filled = self._resolved(step, order, values)
            definition = filled.definition
            once = own_key(self.live.id, key, 1)
            order = replace(order, definition=definition, filled=filled, loc=(), labels=self.live.labels or {})
            order = replace(order, idempotency_key=once, concurrency_key=once)
            return await orders.make(self.conn, self.keyring, self._customer(), order, self.lookups)
        except BadReference as error:
            raise Unready(str(error)) from error
        except SecretError as error:
            raise Unready(str(error), broken=True) from error
        except Refused as error:
            message = error.message + _value_at(error.faults[0][0], definition)
            raise Unready(message, broken=self._is_broken(key, error), field=error.place) from error

    async def _learn(self, order: Order) -> None:
        """Reads the variables and secrets that a step names. Raises `Unready` for one that is not there."""
        if not references.may_name(order.definition):
            return
        found = references.references_in(order.definition, kind=order.kind, strict=False)
        wanted = [reference for _, reference in found if reference.is_named]
        org_id, conn = self.live.org_id, self.conn
        if not await self.lookups.values.learn(conn, self.keyring, org_id, wanted):
            there = await names.known(conn, org_id)
            if (wrong := next(filter(None, map(there.fault_of, wanted)), None)) is not None:
                raise Unready(wrong)

    async def _order(self, key: str) -> Order:
        """The order for the step's run, with its write-only values filled in. Raises `Unready`, `Refused`,
        `SecretError`.
        """
        if key not in self.orders:
            order = await self._ordered(self.version.steps[key])
            whole = checks.whole(order.kind, order.definition, order.stored, ())
            self.orders[key] = replace(order, definition=with_name(key, order.kind, whole), stored=None)
        return self.orders[key]

    async def _ordered(self, step: Json) -> Order:
        if step["action_id"] is None:
            definition = {key: value for key, value in step["definition"].items() if key != "kind"}
            mend = partial(checks.mended, step["kind"], definition)
            mended = await beside.judged(self.live.org_id, definition, mend)
            return Order(step["kind"], mended, (), stored=self._kept(step["key"]))
        action = await self._action(UUID(step["action_id"]))
        if action is None:
            raise Unready(f"the saved action {step['action_id']} of step {step['key']} is gone", broken=True)
        if action.status != "active":
            message = f"the saved action {action.slug} is disabled; enable it, or change step {step['key']}"
            raise Unready(message, broken=True)
        overrides = checks.whole(action.kind, step["definition"], self._kept(step["key"]), ())
        return await orders.order_of_action(self.keyring, self.live.org_id, action, overrides, deferred=False)

    async def _paths(self, key: str) -> list[tuple[str, ...]]:
        """The references of a step: `("steps", "load", "result")`, `("inputs", "day")`, `("event", "data")`."""
        try:
            order = await self._order(key)
            found = references.references_in(order.definition, kind=order.kind, strict=False)
            paths = [reference.path for _, reference in found]
        except (Unready, Refused, SecretError, BadReference):
            return []  # `prepare` meets the same error and reports it
        whole = {**self.version.steps[key], "kind": order.kind, "definition": order.definition}
        return paths + [tuple(path) for path in branch_roots(whole)]

    async def _action(self, action_id: UUID) -> ToRun | None:
        if action_id not in self.actions:
            self.actions[action_id] = await actions.to_run(self.conn, self.live.org_id, action_id)
        return self.actions[action_id]

    def _resolved(self, step: Json, order: Order, values: Values) -> Filled:
        look_up = partial(values.look_up, self._secret)
        filled = references.fill(order.kind, order.definition, look_up, secret_inputs=self._secret)
        resolved = filled.definition
        if roots := {path[0] for path in branch_roots({**step, "definition": order.definition})}:
            resolved["input"] = {**(resolved.get("input") or {}), **{root: values.roots[root] for root in roots}}
        return filled

    def _is_broken(self, key: str, error: Refused) -> bool:
        """Whether the saved definition is wrong, not the values of this automation run."""
        saved = self.orders[key].definition if key in self.orders else {}
        names = {"unknown_connection": checks.CONNECTION_KEYS, "unknown_automation": ("automation",)}
        wrong = names.get(error.faults[0][2])
        return wrong is not None and not any(references.holds_reference(saved.get(name)) for name in wrong)

    def _kept(self, key: str) -> Json | None:
        if self.version.secrets is None:
            return None
        kept: Json = self.keyring.decrypt_json(self.version.secrets, self.live.org_id, self.version.id)
        return kept.get(key)

    def _customer(self) -> Customer:
        live = self.live
        return Customer(live.org_id, "automation", "automation_run", str(live.id), live.created_by, live.max_running)


def _value_at(place: Place, definition: Json) -> str:
    """The end of a message, such as `, not "30"`: the value that a reference gave although another kind of value is
    needed.
    """
    value: Any = definition
    for key in place:
        try:
            value = value[key]
        except (LookupError, TypeError):
            return ""
    return shown(place, value)


def _shown(step: Step) -> str:
    """A status by the name that references and people use."""
    return shown_state(step.standing.state)
