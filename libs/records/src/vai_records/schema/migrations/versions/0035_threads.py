"""Chat threads: their messages, each with the agent's run that answers it."""

from vai_records.schema.migrations.scripts import run_script

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    run_script("0035_threads.sql")
