"""Runs that cannot be let go are counted and ended (rule 23); log entries are written once (rule 10)."""

from records.migrations.scripts import run_script

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    run_script("0008_let_go.sql")
