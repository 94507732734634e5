"""An automation run is done again from a step that somebody chooses."""

from vai_records.schema.migrations.scripts import run_script

revision = "0031"
down_revision = "0030"


def upgrade() -> None:
    run_script("0031_retry_from.sql")
