"""A short notation for plans and for the states of their steps."""

from vai_records.automations.advance import Standing, StepStatus
from vai_records.automations.plan import Dependency, Plan, Step, When


def step(key: str, *needs: str, when: str = "on_success", kind: str = "http_request") -> Step:
    """`needs` are `source` or `source.port`, `source.port|port`."""
    dependencies = []
    for need in needs:
        source, _, ports = need.partition(".")
        dependencies.append(Dependency(source, frozenset(ports.split("|")) if ports else None))
    return Step(key, kind, tuple(dependencies), When(when))


def now(plan: Plan, said: str) -> dict[str, Standing]:
    """Parse `a=completed b=completed:true`. Steps that are not mentioned wait."""
    standing = {one.key: Standing(StepStatus.WAITING) for one in plan.steps}
    for word in said.split():
        key, _, rest = word.partition("=")
        state, _, port = rest.partition(":")
        standing[key] = Standing(StepStatus(state), port or None)
    return standing
