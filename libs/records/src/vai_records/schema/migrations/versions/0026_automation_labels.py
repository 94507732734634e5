"""Automations and their runs have labels of people's own."""

from vai_records.schema.migrations.scripts import run_script

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    run_script("0026_automation_labels.sql")
