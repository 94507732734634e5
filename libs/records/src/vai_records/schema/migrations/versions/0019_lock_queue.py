"""The lock of a Delta table goes to the run that has waited longest."""

from vai_records.schema.migrations.scripts import run_script

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    run_script("0019_lock_queue.sql")
