"""Alerts: rules by which people are told, what is to be told, and the messages."""

from vai_records.schema.migrations.scripts import run_script

revision = "0038"
down_revision = "0037"


def upgrade() -> None:
    run_script("0038_alerts.sql")
