"""Events of connections say which run wrote them, beside their data."""

from vai_records.schema.migrations.scripts import run_script

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    run_script("0015_event_runs.sql")
