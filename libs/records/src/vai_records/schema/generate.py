"""Writes what is made from the lifecycle's tables: the database trigger, docs/lifecycle.md and its picture.

`python -m vai_records.schema.generate` writes them, the trigger into the newest revision of the lifecycle. A
revision that databases have run is frozen and never written again: `--next` begins another one, `--freeze` freezes
those that are there (at a release). With `--check` it writes nothing and exits 1 where a file is stale
or a frozen one was changed.
"""

import sys
from pathlib import Path

from vai_records.lifecycle.transitions import CREATORS, EDGES, MOVES, PHASES, SLICES, Owner
from vai_records.schema import revisions
from vai_records.schema.drawing import picture

_DOC = Path("docs/lifecycle.md")
_PICTURE = Path("docs/lifecycle.svg")


def _steps_of(owner: Owner) -> list[str]:
    """The changes that an owner may make, each as `status/phase status/phase`."""
    edges = [f"{e.source}/{phase} {e.target}/{e.phase}" for e in EDGES if e.owner is owner for phase in e.phases]
    return edges + [f"{m.status}/{m.source} {m.status}/{m.target}" for m in MOVES if m.owner is owner]


def trigger_sql() -> str:
    """The CHECK of status and phase, and the function that refuses changes that are not in a service's slice.

    The triggers that call it were made by revision 0001 and stay.
    """
    pairs = [f"{status}/{phase}" for status, phases in PHASES.items() for phase in phases]
    allowed = [
        f"{service} {step}" for service, owners in SLICES.items() for owner in owners for step in _steps_of(owner)
    ]
    creators = ", ".join(f"'{name}'" for name in CREATORS)
    return f"""-- Drawn from records/lifecycle.py by `make generate`; not to be edited.

ALTER TABLE runs DROP CONSTRAINT status_has_phase, ADD CONSTRAINT status_has_phase CHECK (status || '/' || phase IN (
{_listed(pairs)}
));

CREATE OR REPLACE FUNCTION guard_lifecycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    role text := current_setting('vai.role', true);
BEGIN
    IF coalesce(role, '') = '' THEN
        RAISE EXCEPTION 'this session has no vai.role: only a service changes runs' USING ERRCODE = 'VA001';
    ELSIF TG_OP = 'INSERT' THEN
        IF NEW.status <> 'pending' OR NEW.phase NOT IN ('held', 'queued') OR role NOT IN ({creators}) THEN
            RAISE EXCEPTION '% cannot make a run that is %/%', role, NEW.status, NEW.phase USING ERRCODE = 'VA001';
        END IF;
    ELSIF role || ' ' || OLD.status || '/' || OLD.phase || ' ' || NEW.status || '/' || NEW.phase NOT IN (
{_listed(sorted(allowed), "        ")}
    ) THEN
        RAISE EXCEPTION '% cannot move run % from %/% to %/%',
            role, OLD.id, OLD.status, OLD.phase, NEW.status, NEW.phase USING ERRCODE = 'VA001';
    END IF;
    NEW.moved_by := role;
    RETURN NEW;
END
$$;
"""


def _listed(words: list[str], indent: str = "    ") -> str:
    return ",\n".join(f"{indent}'{word}'" for word in words)


def document() -> str:
    """docs/lifecycle.md: the picture of the edges, who owns each, and the moves between phases."""
    edges = [f"| {e.source} | {e.target} | {e.cause} | {e.owner} | {', '.join(e.phases)} | {e.phase} |" for e in EDGES]
    moves = [f"| {m.status} | {m.source} | {m.target} | {m.cause} | {m.owner} |" for m in MOVES]
    slices = [f"| {service} | {', '.join(owners)} |" for service, owners in SLICES.items()]
    pairs = [f"| {status} | {', '.join(phases)} |" for status, phases in PHASES.items()]
    return "\n".join(
        [
            "# The lifecycle of a run",
            "",
            "Drawn from `libs/records/src/vai_records/lifecycle/transitions.py` by `make generate`; not to be edited.",
            "The database trigger is drawn from the same tables, so no statement of any service can leave them.",
            "",
            f"![The statuses of a run, and what leads from one to the next: the table below]({_PICTURE.name})",
            "",
            f"Runs are made by {' and '.join(CREATORS)}; they begin `pending`, `queued` or `held`.",
            "",
            "## Edges between statuses (document 000)",
            "",
            "| From | To | Cause | Owner | In phase | Then |",
            "|---|---|---|---|---|---|",
            *edges,
            "",
            "## Moves between phases",
            "",
            "| Status | From | To | Cause | Owner |",
            "|---|---|---|---|---|",
            *moves,
            "",
            "## Which service has which slice",
            "",
            "| Service | Slice |",
            "|---|---|",
            *slices,
            "",
            "## The phases of each status",
            "",
            "| Status | Phases |",
            "|---|---|",
            *pairs,
            "",
        ]
    )


def main(arguments: list[str]) -> int:
    if "--freeze" in arguments:
        revisions.freeze()
        return 0
    if "--next" in arguments:
        revisions.make_next()
    faults = [f"{name} is frozen: undo its change, and put it into a new revision" for name in revisions.tampered()]
    trigger = revisions.newest_lifecycle()
    drawn = {trigger: trigger_sql(), _DOC: document(), _PICTURE: picture()}
    stale = [path for path, text in drawn.items() if not path.exists() or path.read_text() != text]
    if trigger in stale and revisions.is_frozen(trigger):
        faults.append(f"the lifecycle has changed since {trigger.name}, which is frozen: run `make next-lifecycle`")
        stale.remove(trigger)
    if "--check" in arguments:
        faults += [f"{path} is stale: run `make generate`" for path in stale]
    else:
        for path in stale:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(drawn[path])
    sys.stderr.writelines(f"{fault}\n" for fault in faults)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
