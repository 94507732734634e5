"""Actions and automations may be tools of programs with a model."""

from vai_records.schema.migrations.scripts import run_script

revision = "0035"
down_revision = "0034"


def upgrade() -> None:
    run_script("0035_exposed.sql")
