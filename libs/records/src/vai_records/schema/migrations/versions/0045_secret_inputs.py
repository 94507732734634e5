"""Inputs of the type secret."""

from vai_records.schema.migrations.scripts import run_script

revision = "0045"
down_revision = "0044"


def upgrade() -> None:
    run_script("0045_secret_inputs.sql")
