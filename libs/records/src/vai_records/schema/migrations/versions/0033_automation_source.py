"""An automation that was crystallized names the run that it was made of."""

from vai_records.schema.migrations.scripts import run_script

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    run_script("0033_automation_source.sql")
