"""/api/v1/system: processes, queues, the journal and the database, for administrators (decision 72)."""

from uuid import UUID

from fastapi import APIRouter, Request, Response

from vai_api_gateway.auth.principal import Principal
from vai_api_gateway.auth.roles import Admin
from vai_api_gateway.gateway import gateway_of
from vai_api_gateway.http.answers import PROBLEMS, answer
from vai_api_gateway.http.json_route import JsonRoute
from vai_api_gateway.http.shapes import Json
from vai_api_gateway.system.measures import COUNTED_UP_TO, Installation, Own
from vai_api_gateway.system.shapes import SystemShape
from vai_common.queries import Row
from vai_common.vitals import VERSION
from vai_records.definitions.kinds import KINDS, Kind
from vai_records.processes.life import name_of

router = APIRouter(prefix="/api/v1/system", tags=["System"], route_class=JsonRoute, responses=PROBLEMS)


@router.get("", response_model=SystemShape, summary="Get how the system is")
async def get_system(request: Request, principal: Admin) -> Response:
    """Services, queues, the journal and the database. Runs are counted of the caller's organisation only; slots, the
    journal and the database are those of the installation.
    """
    measures = gateway_of(request).measures
    found, own, size = await measures.installation(), await measures.own(principal.org_id), await measures.size()
    return answer(
        {
            "checkedAt": found.checked_at,
            "version": VERSION,
            "processes": list(map(_process_json, found.processes)),
            "processesTotal": found.processes[0]["total"] if found.processes else 0,
            "losses": list(map(_loss_json, found.losses)),
            "queues": [_queue_json(kind, found, own) for kind in KINDS.values() if kind.available],
            "journal": {"unpublished": found.journal["unpublished"], "oldestSeconds": _age(found.journal["oldest"])},
            "database": {
                "bytes": size,
                "connections": found.server["connections"],
                "connectionsLimit": found.server["most"],
            },
            "limits": _limits_json(principal, own),
            "countedUpTo": COUNTED_UP_TO,
        }
    )


def _process_json(row: Row) -> Json:
    return {
        "name": name_of(row["service"], row["id"]),
        "service": row["service"],
        "version": row["version"],
        "kinds": [kind for kind in row["kinds"] if kind in KINDS],
        "slots": row["slots"],
        "slotsUsed": row["used"],
        "state": "stopping" if row["stopping"] else "late" if row["late"] else "alive",
        "startedAt": row["started_at"],
        "beatAt": row["beat_at"],
    }


def _loss_json(row: Row) -> Json:
    lost: UUID = row["id"]
    return {
        "name": name_of(row["service"], lost),
        "service": row["service"],
        "version": row["version"],
        "why": row["why"],
        "startedAt": row["started_at"],
        "beatAt": row["beat_at"],
        "lostAt": row["lost_at"],
    }


def _queue_json(kind: Kind, found: Installation, own: Own) -> Json:
    serving, queued = found.workers.get(kind.name), own.queued.get(kind.name)
    return {
        "kind": kind.name,
        "service": kind.service,
        "workers": serving["workers"] if serving else 0,
        "slots": serving["slots"] if serving else 0,
        "slotsUsed": serving["used"] if serving else 0,
        "queued": queued["runs"] if queued else 0,
        "oldestSeconds": _age(queued["oldest"]) if queued else None,
        "leased": own.leased.get(kind.name, 0),
    }


def _limits_json(principal: Principal, own: Own) -> Json:
    return {
        "maxRunning": principal.settings.get("max_running"),
        "live": sum(row["runs"] for row in own.queued.values()) + sum(own.leased.values()),
        "held": own.held,
        "connections": [
            {
                "id": row["id"],
                "name": row["name"],
                "slug": row["slug"],
                "maxRunning": row["max_running"],
                "live": row["live"],
            }
            for row in own.connections
        ],
    }


def _age(seconds: float | None) -> float | None:
    return None if seconds is None else max(0.0, round(seconds, 3))
