"""The files that file_sync has brought into the lake, or out of it."""

from vai_records.schema.migrations.scripts import run_script

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    run_script("0035_synced_files.sql")
