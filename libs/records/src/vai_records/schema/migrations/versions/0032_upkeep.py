"""Small files of a table are put together, and old ones removed, by one process at a time."""

from vai_records.schema.migrations.scripts import run_script

revision = "0032"
down_revision = "0031"


def upgrade() -> None:
    run_script("0032_upkeep.sql")
