"""Foundation: people, connections, actions, runs, logs, the journal, processes, the lake."""

from vai_records.schema.migrations.scripts import run_script

revision = "0001"
down_revision = None


def upgrade() -> None:
    run_script("0001_foundation.sql")
    run_script("0001_lifecycle.sql")
