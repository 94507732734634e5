"""What statements ask of definitions and settings stands in columns (rule 21)."""

from vai_records.schema.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script("0007_read_once.sql")
