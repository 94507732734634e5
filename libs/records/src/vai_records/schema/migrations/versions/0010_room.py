"""Limits hold for retries, resumed and woken runs, too, and what waits for room is found at once."""

from vai_records.schema.migrations.scripts import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script("0010_room.sql")
