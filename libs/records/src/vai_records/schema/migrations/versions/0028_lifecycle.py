"""The lifecycle as records/lifecycle.py says it now: the trigger and the pairs of status and phase."""

from vai_records.schema.migrations.scripts import run_script

revision = "0028"
down_revision = "0027"


def upgrade() -> None:
    run_script("0028_lifecycle.sql")
