"""Waits for a quota are outside of a run's attempts, for a day at most."""

from vai_records.schema.migrations.scripts import run_script

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    run_script("0018_waits.sql")
