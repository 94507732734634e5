"""Runs that wait for a time are found without reading leases; lineage news cost one call for a statement."""

from vai_records.schema.migrations.scripts import run_script

revision = "0048"
down_revision = "0047"


def upgrade() -> None:
    run_script("0048_waiting_due.sql")
