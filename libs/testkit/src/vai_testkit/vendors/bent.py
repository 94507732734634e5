"""An API whose answers are bent: one value in each is gone, null, or of another kind."""

import copy
import json
from collections.abc import Callable, Iterator
from typing import Any, Final

from vai_testkit.servers.json_api import Ask, FakeApi, Say

KINDS: Final[tuple[Any, ...]] = (None, [], {}, "odd", -1, True, [None], {"odd": 1})
GONE: Final = object()

Place = tuple[str | int, ...]


def places(body: Any, at: Place = ()) -> Iterator[Place]:
    """Where the values of a JSON answer are; of a list the first one stands for all."""
    yield at
    if isinstance(body, dict):
        for name, value in body.items():
            yield from places(value, (*at, name))
    elif isinstance(body, list) and body:
        yield from places(body[0], (*at, 0))


def bent(body: Any, place: Place, value: Any) -> Any:
    """The answer with another value at a place; without it for `GONE`."""
    if not place:
        return None if value is GONE else value
    found = copy.deepcopy(body)
    inside = found
    for name in place[:-1]:
        inside = inside[name]
    if value is GONE:
        del inside[place[-1]]
    else:
        inside[place[-1]] = value
    return found


def bend(
    api: FakeApi, attempt: Callable[[], None], is_wanted: Callable[[Any], bool] = lambda body: True
) -> list[Place]:
    """Call `attempt` once for each value of the first answer that is wanted, which is bent then; all that were bent.

    The other answers are as they are.
    """
    straight = api.default
    seen: list[Any] = []
    change: list[tuple[Place, Any]] = []

    def answer(ask: Ask) -> Say:
        found = straight(ask)
        say = found if isinstance(found, Say) else Say(found)
        if say.raw is not None or not is_wanted(say.body):
            return say
        seen.append(json.loads(json.dumps(say.body)))
        return Say(_changed(seen[-1], change), say.status, say.headers)

    api.default = answer
    attempt()
    there = list(places(seen[0]))
    for number, place in enumerate(there):
        value = GONE if number % 3 == 0 else KINDS[number % len(KINDS)]
        change[:] = [(place, value)]
        attempt()
    api.default = straight
    return there


def _changed(body: Any, change: list[tuple[Place, Any]]) -> Any:
    try:
        for place, value in change:
            body = bent(body, place, value)
    except (LookupError, TypeError):
        pass  # an answer of another form, which has no such place
    return body
