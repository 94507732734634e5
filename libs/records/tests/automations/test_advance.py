"""What is ready now: one table of the rules (decision 38; document 002, "Step Conditions", "Port-Based Routing")."""

import pytest

from libs.records.tests.automations.plans import now, step
from vai_records.automations.advance import Advance, advance, kept
from vai_records.automations.plan import Plan, Step


def said(found: Advance) -> str:
    """`start a b; skip c=passed_by; ended failed`, without what does not happen."""
    skips = [f"{key}={one.state}" for key, one in found.skip.items()]
    parts = [("start", found.start), ("skip", skips), ("ended", [found.ended] if found.ended else [])]
    return "; ".join(f"{word} {' '.join(map(str, given))}" for word, given in parts if given) or "wait"


CHAIN = (step("a"), step("b", "a"), step("c", "b"))
FAN = (step("a"), step("b"), step("c"), step("d"))
ON_ERROR = (step("a"), step("b"), step("help", "a", "b", when="on_error"))
ALWAYS = (step("a"), step("b", "a"), step("clean", "b", when="always"))
BRANCH = (step("if"), step("yes", "if.true"), step("no", "if.false"), step("join", "yes", "no"))
GATE = (step("gate"), step("go", "gate.approved"))
BOTH_WAYS = (*GATE, step("stop", "gate.rejected"))
OR = (step("if"), step("x", "if.big|huge"), step("y", "if"))

# fmt: off
TABLE: list[tuple[str, tuple[Step, ...], str, str]] = [
    # when a step is judged
    ("without dependencies a step is ready at once",
     CHAIN, "", "start a"),
    ("a step waits until its dependency has ended",
     CHAIN, "a=running", "wait"),
    ("a step starts once its dependency has succeeded",
     CHAIN, "a=completed", "start b"),
    ("all of its dependencies must have ended",
     (step("a"), step("b"), step("c", "a", "b")), "a=completed b=running", "wait"),
    ("all have succeeded: the automation has",
     CHAIN, "a=completed b=completed c=completed", "ended completed"),
    # max_parallel
    ("no more than max_parallel (3) run at once, in their order",
     FAN, "", "start a b c"),
    ("one ends, the next starts",
     FAN, "a=completed b=running c=running", "start d"),
    ("none starts while there is no room",
     FAN, "a=running b=running c=running", "wait"),
    # on_success and failures
    ("by default what follows a failure is skipped",
     CHAIN, "a=failed", "skip b=skipped c=skipped; ended failed"),
    ("after a failure nothing else starts, and what runs goes on",
     FAN, "a=failed b=running", "skip c=skipped d=skipped"),
    ("the end waits for what still runs",
     FAN, "a=failed b=running c=skipped d=skipped", "wait"),
    ("then the automation has failed",
     FAN, "a=failed b=completed c=skipped d=skipped", "ended failed"),
    ("cancelled counts as failed",
     CHAIN, "a=cancelled", "skip b=skipped c=skipped; ended failed"),
    ("rejected counts as failed",
     CHAIN, "a=rejected", "skip b=skipped c=skipped; ended failed"),
    ("a failure skips at once what still waits for something else",
     (*CHAIN, step("x")), "a=running x=failed", "skip b=skipped c=skipped"),
    # on_error
    ("on_error: one of several failed is enough",
     ON_ERROR, "a=failed b=completed", "start help"),
    ("on_error waits for all, even when one has failed",
     ON_ERROR, "a=failed b=running", "wait"),
    ("on_error takes a cancelled one",
     ON_ERROR, "a=cancelled b=completed", "start help"),
    ("on_error takes a rejected one",
     ON_ERROR, "a=rejected b=completed", "start help"),
    ("on_error: nothing failed, it is skipped",
     ON_ERROR, "a=completed b=completed", "skip help=skipped; ended completed"),
    ("an on_error step that succeeds does not save the automation",
     ON_ERROR, "a=failed b=completed help=completed", "ended failed"),
    ("on_error does not take a failure somewhere else",
     (*ON_ERROR, step("x")), "a=completed b=completed x=failed", "skip help=skipped; ended failed"),
    ("on_error takes one that was skipped for a failure above it",
     (step("a"), step("b", "a"), step("c", "b"), step("h", "c", when="on_error")),
     "a=failed", "start h; skip b=skipped c=skipped"),
    ("on_error does not take one that was skipped below a rejection that a port takes",
     (step("a"), step("x", "a", when="on_error"), *BOTH_WAYS, step("s", "gate", "x"), step("h", "s", when="on_error")),
     "a=completed gate=rejected go=passed_by stop=completed",
     "skip x=skipped s=skipped h=skipped; ended completed"),
    ("on_error does not take one that was skipped for a failure beside it",
     (step("x"), step("a"), step("b", "a"), step("h", "b", when="on_error")),
     "x=failed a=completed", "skip b=skipped h=skipped; ended failed"),
    ("on_error waits for what may still fail above one that is skipped",
     (step("x"), step("a"), step("b", "a"), step("h", "b", when="on_error")),
     "x=failed a=running", "skip b=skipped"),
    ("on_error hears of what failed above one that was skipped before",
     (step("x"), step("a"), step("b", "a"), step("h", "b", when="on_error")),
     "x=failed a=failed b=skipped", "start h"),
    ("on_error does not take another handler that was not needed",
     (step("a"), step("h", "a", when="on_error"), step("i", "h", when="on_error")),
     "a=completed", "skip h=skipped i=skipped; ended completed"),
    ("gates and called automations hold no place of max_parallel",
     (*(step(f"g{n}", kind="approval_gate") for n in range(4)), step("called", kind="call_automation"), *FAN),
     "", "start g0 g1 g2 g3 called a b c"),
    ("what follows an on_error step starts after a failure, too",
     (*ON_ERROR, step("then", "help")), "a=failed b=completed help=completed", "start then"),
    # always
    ("always: after a success",
     ALWAYS, "a=completed b=completed", "start clean"),
    ("always: after a failure",
     ALWAYS, "a=completed b=failed", "start clean"),
    ("always: after a skip",
     ALWAYS, "a=failed", "skip b=skipped; start clean"),
    ("always: after a cancelled one",
     ALWAYS, "a=completed b=cancelled", "start clean"),
    ("always waits for the end all the same",
     ALWAYS, "a=completed b=running", "wait"),
    ("always without dependencies starts after a failure, too",
     (step("a"), step("b", when="always")), "a=failed", "start b"),
    ("an always step does not save the automation",
     ALWAYS, "a=completed b=failed clean=completed", "ended failed"),
    # ports
    ("a branch goes one way",
     BRANCH, "if=completed:true", "start yes; skip no=passed_by"),
    ("or the other",
     BRANCH, "if=completed:false", "start no; skip yes=passed_by"),
    ("where ways meet, the one that was passed by does not count",
     BRANCH, "if=completed:true yes=completed no=passed_by", "start join"),
    ("no way led to where they meet",
     BRANCH, "if=completed:other", "skip yes=passed_by no=passed_by join=passed_by; ended completed"),
    ("a failure on the way taken",
     BRANCH, "if=completed:true yes=failed no=passed_by", "skip join=skipped; ended failed"),
    ("a port is of no use where the source failed",
     BRANCH, "if=failed", "skip yes=skipped no=skipped join=skipped; ended failed"),
    ("any of several ports of one source is enough",
     OR, "if=completed:huge", "start x y"),
    ("but one of them it must be",
     OR, "if=completed:small", "start y; skip x=passed_by"),
    ("without a port any success is taken",
     OR, "if=completed:big x=completed", "start y"),
    ("of two sources each must take its port",
     (step("p"), step("q"), step("x", "p.true", "q.true")),
     "p=completed:true q=completed:false", "skip x=passed_by; ended completed"),
    ("a skipped one outweighs a way that was passed by",
     (step("p"), step("q"), step("h", "q", when="on_error"), step("x", "p.true", "h")),
     "p=completed:false q=completed", "skip h=skipped x=skipped; ended completed"),
    ("a step that needs an otherwise skipped step is skipped",
     (step("a"), step("h", "a", when="on_error"), step("x", "a", "h")),
     "a=completed", "skip h=skipped x=skipped; ended completed"),
    ("an on_error step on a way that was not taken is passed by",
     (*BRANCH, step("h", "no", when="on_error"), step("j", "yes", "h")),
     "if=completed:true yes=completed no=passed_by join=completed", "start j; skip h=passed_by"),
    ("always runs on a way that was not taken, if it names no port",
     (*BRANCH, step("z", "no", when="always")), "if=completed:true yes=running no=passed_by", "start z"),
    ("always does not take a port that was not taken",
     (step("if"), step("z", "if.true", when="always")), "if=completed:false", "skip z=passed_by; ended completed"),
    ("always takes the failure of a step with ports",
     (step("if"), step("z", "if.true", when="always")), "if=failed", "start z"),
    # gates
    ("an approved gate lets through",
     BOTH_WAYS, "gate=completed:approved", "start go; skip stop=passed_by"),
    ("a rejection is no failure where a step waits for it",
     BOTH_WAYS, "gate=rejected", "start stop; skip go=passed_by"),
    ("then the automation completes",
     BOTH_WAYS, "gate=rejected stop=completed go=passed_by", "ended completed"),
    ("a rejection that nobody takes fails the automation",
     GATE, "gate=rejected", "skip go=skipped; ended failed"),
    ("a gate without ports: rejected is failed",
     (step("gate"), step("go", "gate")), "gate=rejected", "skip go=skipped; ended failed"),
    ("a plain dependency goes on when approved",
     (step("gate"), step("go", "gate")), "gate=completed:approved", "start go"),
    ("a plain dependency takes no rejection, even one that is taken elsewhere",
     (*BOTH_WAYS, step("x", "gate")), "gate=rejected", "start stop; skip go=passed_by x=passed_by"),
    ("on_error on the port rejected takes the rejection",
     (step("gate"), step("h", "gate.rejected", when="on_error")), "gate=rejected", "start h"),
    ("on_error on the port approved does not take a rejection that goes another way",
     (*BOTH_WAYS, step("h", "gate.approved", when="on_error")),
     "gate=rejected stop=completed go=passed_by", "skip h=skipped; ended completed"),
    ("on_error takes a rejection that no port takes",
     (step("gate"), step("h", "gate", when="on_error")), "gate=rejected", "start h"),
    ("what was rejected does not run as always either",
     (step("gate"), step("z", "gate.approved", when="always")), "gate=rejected", "skip z=passed_by; ended failed"),
    ("a gate that is cancelled counts as failed, whatever ports there are",
     BOTH_WAYS, "gate=cancelled", "skip go=skipped stop=skipped; ended failed"),
]
# fmt: on


@pytest.mark.parametrize(("steps", "standing", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_the_rules(steps: tuple[Step, ...], standing: str, expected: str) -> None:
    plan = Plan(steps)
    found = said(advance(plan, now(plan, standing)))
    assert sorted(found.split("; ")) == sorted(expected.split("; "))


@pytest.mark.parametrize(
    ("standing", "expected"),
    [
        ("a=running", "skip b=skipped c=skipped"),
        ("a=cancelled b=skipped c=skipped", "ended cancelled"),
        ("a=failed b=skipped c=skipped", "ended cancelled"),
        ("a=completed", "skip b=skipped c=skipped; ended cancelled"),
    ],
)
def test_once_cancelled_nothing_starts_and_what_runs_is_waited_for(standing: str, expected: str) -> None:
    plan = Plan((step("a"), step("b", "a", when="on_error"), step("c", "b", when="always")))
    assert said(advance(plan, now(plan, standing), cancelled=True)) == expected


def test_one_after_another_waits_for_a_gate_and_a_called_automation_too() -> None:
    for kind in ("approval_gate", "call_automation"):
        plan = Plan((step("first", kind=kind), step("other")), max_parallel=1)
        assert said(advance(plan, now(plan, ""))) == "start first"
        assert said(advance(plan, now(plan, "first=running"))) == "wait"


@pytest.mark.parametrize(
    ("steps", "standing", "reasons"),
    [
        ((*BOTH_WAYS, step("after", "go")), "gate=rejected",
         {"go": "gate went on by its port rejected", "after": "no way led here"}),
        ((*BOTH_WAYS, step("after", "go")), "gate=failed",
         dict.fromkeys(("go", "stop", "after"), "another step failed")),
        (ON_ERROR, "a=completed b=completed", {"help": "nothing that it waits for failed"}),
        ((step("a"), step("h", "a", when="on_error"), step("after", "h")), "a=completed",
         {"h": "nothing that it waits for failed", "after": "h was skipped"}),
        ((*ON_ERROR, step("after", "help")), "a=failed b=completed help=failed", {"after": "help failed"}),
    ],
)  # fmt: skip
def test_a_skip_says_why(steps: tuple[Step, ...], standing: str, reasons: dict[str, str]) -> None:
    plan = Plan(steps)
    assert {key: skip.reason for key, skip in advance(plan, now(plan, standing)).skip.items()} == reasons


@pytest.mark.parametrize(
    ("steps", "stood", "expected"),
    [
        (CHAIN, "a=completed b=failed c=skipped", "a"),
        (CHAIN, "a=completed b=cancelled c=skipped", "a"),
        (ON_ERROR, "a=completed b=failed help=completed", "a"),
        (ALWAYS, "a=completed b=failed clean=completed", "a"),
        ((*ALWAYS, step("x")), "a=completed b=completed clean=completed x=failed", "a b clean"),
        ((*BRANCH, step("x")), "if=completed:true yes=completed no=passed_by join=completed x=failed",
         "if yes join"),
        ((*BOTH_WAYS, step("x")), "gate=rejected go=passed_by stop=completed x=failed", ""),
        (CHAIN, "", ""),
    ],
)  # fmt: skip
def test_a_retry_keeps_what_succeeded_unless_something_before_it_is_done_again(
    steps: tuple[Step, ...], stood: str, expected: str
) -> None:
    plan = Plan(steps)
    assert " ".join(kept(plan, now(plan, stood))) == expected
