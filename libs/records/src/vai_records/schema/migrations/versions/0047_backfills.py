"""Automation runs that begin later, and backfills."""

from vai_records.schema.migrations.scripts import run_script

revision = "0047"
down_revision = "0046"


def upgrade() -> None:
    run_script("0047_backfills.sql")
