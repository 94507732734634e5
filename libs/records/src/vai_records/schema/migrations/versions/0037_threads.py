"""Chat threads: their messages, each with the agent's run that answers it."""

from vai_records.schema.migrations.scripts import run_script

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    run_script("0037_threads.sql")
