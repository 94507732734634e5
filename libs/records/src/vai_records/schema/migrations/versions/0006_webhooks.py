"""Webhooks that were ignored are counted with their automation."""

from vai_records.schema.migrations.scripts import run_script

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    run_script("0006_webhooks.sql")
