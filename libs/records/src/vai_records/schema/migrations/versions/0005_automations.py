"""Automations: what starts them, their versions, their runs and the steps of these."""

from vai_records.schema.migrations.scripts import run_script

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    run_script("0005_automations.sql")
