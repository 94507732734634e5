"""The tables as SQLAlchemy Core sees them: for lists and filters of what people keep (rule 17, decision 66)."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, LargeBinary, MetaData, Table, Text, Uuid, func
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

METADATA = MetaData()


def _when(name: str, *, optional: bool = False) -> Column[object]:
    if optional:
        return Column(name, DateTime(timezone=True), nullable=True)
    return Column(name, DateTime(timezone=True), nullable=False, server_default=func.clock_timestamp())


organisations = Table(
    "organisations",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("slug", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("settings", JSONB, nullable=False, server_default="{}"),
    _when("created_at"),
)

users = Table(
    "users",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("email", Text, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("profile_picture_url", Text),
    Column("password_hash", Text),
    _when("created_at"),
)

memberships = Table(
    "memberships",
    METADATA,
    Column("org_id", Uuid, primary_key=True),
    Column("user_id", Uuid, primary_key=True),
    Column("role", Text, nullable=False),
    Column("first_name", Text),
    Column("last_name", Text),
    Column("profile_picture_url", Text),
    Column("password_hash", Text),
    Column("token_version", Integer, nullable=False, server_default="0"),
    Column("email", Text),
    _when("accepted_at", optional=True),
    Column("invitation_hash", LargeBinary),
    _when("invitation_ends_at", optional=True),
    Column("is_service", Boolean, nullable=False, server_default="false"),
    _when("disabled_at", optional=True),
    _when("removed_at", optional=True),
    _when("created_at"),
)

api_keys = Table(
    "api_keys",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("user_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("prefix", Text, nullable=False),
    Column("key_hash", LargeBinary, nullable=False),
    Column("role", Text, nullable=False),
    Column("scopes", ARRAY(Text)),
    _when("expires_at", optional=True),
    _when("last_used_at", optional=True),
    _when("revoked_at", optional=True),
    _when("created_at"),
)

audit_entries = Table(
    "audit_entries",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    _when("occurred_at"),
    Column("actor_type", Text, nullable=False),
    Column("actor_id", Uuid),
    Column("actor_name", Text),
    Column("key_id", Uuid),
    Column("key_name", Text),
    Column("action", Text, nullable=False),
    Column("target_type", Text, nullable=False),
    Column("target_id", Text),
    Column("target_name", Text),
    Column("fields", ARRAY(Text), nullable=False),
    Column("address", Text),
    Column("request_id", Text),
    Column("outcome", Text),
    Column("status", Integer),
)

connections = Table(
    "connections",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("provider", Text, nullable=False),
    Column("is_default", Boolean, nullable=False, server_default="false"),
    Column("config", JSONB, nullable=False, server_default="{}"),
    Column("credentials", LargeBinary),
    Column("status", Text, nullable=False, server_default="active"),
    Column("last_error", JSONB(none_as_null=True)),
    Column("max_running", Integer),
    Column("event_seq", Integer, nullable=False, server_default="0"),
    Column("created_by", Uuid),
    _when("created_at"),
    _when("updated_at"),
    _when("deleted_at", optional=True),
)

actions = Table(
    "actions",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("name", Text, nullable=False),
    Column("slug", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False, server_default="active"),
    Column("connection_id", Uuid),
    Column("definition", JSONB, nullable=False, server_default="{}"),
    Column("secrets", LargeBinary),
    Column("template_id", Text),
    Column("labels", JSONB, nullable=False, server_default="{}"),
    Column("expose", Boolean, nullable=False, server_default="false"),
    Column("created_by", Uuid),
    Column("updated_by", Uuid),
    _when("created_at"),
    _when("updated_at"),
    _when("deleted_at", optional=True),
)

runs = Table(
    "runs",
    METADATA,
    Column("id", Uuid, primary_key=True),
    Column("org_id", Uuid, nullable=False),
    Column("action_id", Uuid),
    Column("connection_id", Uuid),
    Column("parent_run_id", Uuid),
    Column("kind", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("phase", Text, nullable=False),
    Column("definition", JSONB, nullable=False),
    Column("progress", JSONB),
    _when("created_at"),
    _when("started_at", optional=True),
    _when("completed_at", optional=True),
    _when("deleted_at", optional=True),
)

list_totals = Table(
    "list_totals",
    METADATA,
    Column("org_id", Uuid, nullable=False),
    Column("list", Text, nullable=False),
    Column("amount", BigInteger, nullable=False),
)
