"""Which calls of a recording become steps: what failed, came twice or led nowhere is left out, and told."""

import json
from collections.abc import Sequence
from typing import Any, Final

from vai_records.crystallization.origins import Known, is_telling, leaves
from vai_records.crystallization.recording import Call, LeftOut, Recording

_ABOUT: Final = ("headers", "duration_seconds")


def completed(recording: Recording) -> tuple[list[Call], list[LeftOut]]:
    """Calls that completed, without those that only read what another one had read; and those that are left out."""
    kept: list[Call] = []
    left: list[LeftOut] = list(recording.refused)
    first: dict[str, Call] = {}
    for call in recording.calls:
        if call.status != "completed":
            why = f"{call.status}{f' ({call.error})' if call.error else ''}"
            left.append(LeftOut(call.turn, call.tool, why, call.run_id))
            continue
        # Who asks until there is something else needs what came last.
        same = json.dumps((call.tool, call.given, _told(call.result)), sort_keys=True)
        if call.only_reads and same in first and not _changed_between(first[same], call, kept):
            left.append(LeftOut(call.turn, call.tool, f"asked again what turn {first[same].turn} had", call.run_id))
            continue
        first.setdefault(same, call)
        kept.append(call)
    return kept, left


def _told(result: Any) -> Any:
    """A result without what differs each time though nothing has changed."""
    return {name: one for name, one in result.items() if name not in _ABOUT} if isinstance(result, dict) else result


def _changed_between(first: Call, again: Call, kept: Sequence[Call]) -> bool:
    """Whether something was changed between two calls that read: then the second one may have read something else."""
    return any(first.number < call.number < again.number and not call.only_reads for call in kept)


def asked_until(recording: Recording) -> dict[str, int]:
    """Tools that were asked the same again until they answered something else, though nothing was changed between:
    how often each. Who does that waits, and no step waits so.
    """
    done = [call for call in recording.calls if call.status == "completed"]
    asked: dict[str, list[Call]] = {}
    for call in done:
        if call.only_reads:
            asked.setdefault(json.dumps((call.tool, call.given), sort_keys=True), []).append(call)
    found: dict[str, int] = {}
    for calls in asked.values():
        first, last = calls[0], calls[-1]
        if _told(first.result) != _told(last.result) and not _changed_between(first, last, done):
            found[last.tool] = max(found.get(last.tool, 0), len(calls))
    return found


def useful(calls: Sequence[Call], uses: dict[int, set[int]], recording: Recording) -> set[int]:
    """The numbers of the calls that led somewhere: what changed something, what the answer says, and what these used.

    `uses`: of each call those whose results it refers to. Where nothing of any result stands in the answer, it was
    written from what came last.
    """
    wanted = {call.number for call in calls if not call.only_reads} | _in_answer(calls, recording)
    if calls and not _in_answer(calls, recording):
        last = max(call.turn for call in calls)
        wanted |= {call.number for call in calls if call.turn == last}
    rest = list(wanted)
    while rest:
        for one in uses.get(rest.pop(), ()):
            if one not in wanted:
                wanted.add(one)
                rest.append(one)
    return wanted


def _in_answer(calls: Sequence[Call], recording: Recording) -> set[int]:
    known = Known()
    for call in calls:
        known.add(call.number, call.sources)
    found = {leaf.call for _, _, leaf, _ in known.within(recording.text, ())}
    if recording.output is not None:
        for path, value in leaves(recording.output):
            leaf = known.of(value, path)[0]
            found |= {leaf.call} if leaf is not None else set()
            if isinstance(value, str) and is_telling(value):
                found |= {one.call for _, _, one, _ in known.within(value, ())}
    return found


def order_of_effects(calls: Sequence[Call]) -> dict[int, set[int]]:
    """Of each call those of earlier turns that it must come behind though it refers to none of their values.

    Who reads what another one has written comes behind it, and so do two that change the same. Calls of one turn were
    asked for together: none of them waited for another.
    """
    behind: dict[int, set[int]] = {}
    for place, call in enumerate(calls):
        reads, writes = _touched(call)
        for before in calls[:place]:
            read, written = _touched(before)
            if before.turn < call.turn and (_meet(written, reads | writes) or _meet(read, writes)):
                behind.setdefault(call.number, set()).add(before.number)
    return behind


_EVERYTHING = "*"
_LAKE = "lake"


def _touched(call: Call) -> tuple[set[str], set[str]]:
    """What a call reads and what it changes: the lake, a host, or anything."""
    if call.kind in ("generate_query", "explain_schema"):
        return {_LAKE}, set()
    if call.kind == "dlt_extract":
        return set(), {_LAKE}
    if call.kind == "http_request" and call.action is None:
        place = {_host(call)}
        return (place, set()) if call.only_reads else (set(), place)
    return (set(), set()) if call.only_reads else (set(), {_EVERYTHING})


def _host(call: Call) -> str:
    fixed: Any = call.fixed or {}
    url = str(call.given.get("url") or fixed.get("url") or "")
    connection = fixed.get("connection_id") or fixed.get("connection")
    return url.partition("://")[2].partition("/")[0] or f"connection {connection}"


def _meet(one: set[str], other: set[str]) -> bool:
    return bool(one & other) or (bool(one and other) and _EVERYTHING in one | other)
