"""What approvers fill in."""

from vai_records.schema.migrations.scripts import run_script

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    run_script("0042_approval_values.sql")
