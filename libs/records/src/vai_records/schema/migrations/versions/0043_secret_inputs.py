"""Inputs of the type secret."""

from vai_records.schema.migrations.scripts import run_script

revision = "0043"
down_revision = "0042"


def upgrade() -> None:
    run_script("0043_secret_inputs.sql")
