"""Runs may start later, at a time that is given."""

from vai_records.schema.migrations.scripts import run_script

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    run_script("0030_scheduled_runs.sql")
