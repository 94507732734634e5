"""The runs of a connection are found by an index."""

from vai_records.schema.migrations.scripts import run_script

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    run_script("0029_runs_of_connections.sql")
