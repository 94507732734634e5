"""Inputs of the type secret."""

from vai_records.schema.migrations.scripts import run_script

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    run_script("0041_secret_inputs.sql")
