"""What approvers fill in."""

from vai_records.schema.migrations.scripts import run_script

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    run_script("0044_approval_values.sql")
