"""Replay: an organisation's events from a time on are found without reading the others'."""

from vai_records.schema.migrations.scripts import run_script

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    run_script("0002_replay.sql")
