"""Whose sessions are whose, and which losses of a run counted (rule 7, decision 16)."""

from vai_records.schema.migrations.scripts import run_script

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    run_script("0012_alive.sql")
