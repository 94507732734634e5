"""Flashboards, their versions with the data of each tile, and links that show one."""

from vai_records.schema.migrations.scripts import run_script

revision = "0034"
down_revision = "0033"


def upgrade() -> None:
    run_script("0034_flashboards.sql")
