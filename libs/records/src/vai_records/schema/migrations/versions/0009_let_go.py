"""Runs that cannot be let go are counted and ended (rule 23); log entries are written once (rule 10)."""

from vai_records.schema.migrations.scripts import run_script

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    run_script("0009_let_go.sql")
