"""What one cause leads to is counted (rule 24)."""

from records.migrations.scripts import run_script

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    run_script("0010_causes.sql")
