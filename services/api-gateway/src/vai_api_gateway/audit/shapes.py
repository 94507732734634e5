"""The REST shapes of the audit log."""

from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from pydantic import Field
from sqlalchemy import Row

from vai_api_gateway.http.shapes import Json, Shape

ActorTypeName = Literal["user", "service_account", "operator"]
OutcomeName = Literal["done", "refused", "failed", "unknown"]


class ActorShape(Shape):
    """Who acted: a person of the organisation, a service account, or whoever runs the installation (`operator`)."""

    type: ActorTypeName
    id: UUID | None = Field(description="Null for the operator.")
    name: str | None = Field(description="The email or name at that time.")


class UsedKeyShape(Shape):
    """The API key that was used, or that had asked for the token that was."""

    id: UUID
    name: str | None = Field(description="The name at that time.")


class TargetShape(Shape):
    """What was acted on."""

    type: str = Field(examples=["automation"])
    id: str | None = Field(description="An id, or a name where that is what the path has; null where nothing was made.")
    name: str | None = Field(description="The name at that time, where there is one.")


class AuditEntryShape(Shape):
    id: UUID
    occurred_at: datetime
    actor: ActorShape
    api_key: UsedKeyShape | None = Field(description="Null for those who signed in with a password.")
    action: str = Field(description="verb.noun", examples=["update.automation"])
    target: TargetShape
    fields: list[str] = Field(description="What the body said, by the names of its fields; never a value.")
    address: str | None = Field(description="Where the request came from.")
    request_id: str | None = Field(description="`X-Request-Id` of the answer, as in the gateway's log.")
    outcome: OutcomeName = Field(
        description="`refused`: nothing was changed. `failed`: an error on our side. `unknown`: it is being done, or"
        " the gateway ended before it could say."
    )
    status: int | None = Field(description="The status of the answer.")


class AuditShape(Shape):
    entries: list[AuditEntryShape]
    has_next: bool
    next_cursor: str | None = Field(description="What `cursor` of the next page says; null: there is none.")


def entry_json(row: Row[Any]) -> Json:
    key = None if row.key_id is None else {"id": row.key_id, "name": row.key_name}
    return {
        "id": row.id,
        "occurredAt": row.occurred_at,
        "actor": {"type": row.actor_type, "id": row.actor_id, "name": row.actor_name},
        "apiKey": key,
        "action": row.action,
        "target": {"type": row.target_type, "id": row.target_id, "name": row.target_name},
        "fields": row.fields,
        "address": row.address,
        "requestId": row.request_id,
        "outcome": row.outcome or "unknown",
        "status": row.status,
    }
