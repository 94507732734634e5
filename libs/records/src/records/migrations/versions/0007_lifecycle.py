"""The lifecycle as records/lifecycle.py says it now: the trigger and the pairs of status and phase."""

from records.migrations.scripts import run_script

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    run_script("0007_lifecycle.sql")
