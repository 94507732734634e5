"""The files that file_sync has brought into the lake, or out of it."""

from vai_records.schema.migrations.scripts import run_script

revision = "0036"
down_revision = "0035"


def upgrade() -> None:
    run_script("0036_synced_files.sql")
