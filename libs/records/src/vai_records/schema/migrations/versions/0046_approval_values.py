"""What approvers fill in."""

from vai_records.schema.migrations.scripts import run_script

revision = "0046"
down_revision = "0045"


def upgrade() -> None:
    run_script("0046_approval_values.sql")
