"""What one cause leads to is counted (rule 24)."""

from vai_records.schema.migrations.scripts import run_script

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    run_script("0011_causes.sql")
