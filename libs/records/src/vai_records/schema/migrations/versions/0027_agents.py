"""Agents, their runs and what these came to, turn by turn."""

from vai_records.schema.migrations.scripts import run_script

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    run_script("0027_agents.sql")
