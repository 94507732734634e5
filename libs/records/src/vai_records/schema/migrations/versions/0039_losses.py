"""Which version a process runs, and which processes were lost."""

from vai_records.schema.migrations.scripts import run_script

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    run_script("0039_losses.sql")
