"""Who wrote a table of the lake, and from which tables."""

from vai_records.schema.migrations.scripts import run_script

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    run_script("0022_dataset_writes.sql")
