"""The view that scalers read, their role, and which services a schema serves."""

from vai_records.schema.migrations.scripts import run_script

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    run_script("0020_worker_load.sql")
