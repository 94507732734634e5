"""A scheduled automation run may be started before its time."""

from vai_records.schema.migrations.scripts import run_script

revision = "0050"
down_revision = "0049"


def upgrade() -> None:
    run_script("0050_begin_now.sql")
