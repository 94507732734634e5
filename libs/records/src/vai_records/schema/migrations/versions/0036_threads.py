"""Chat threads: their messages, each with the agent's run that answers it."""

from vai_records.schema.migrations.scripts import run_script

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    run_script("0036_threads.sql")
