"""Who gives up an automation run ends the runs of its steps."""

from vai_records.schema.migrations.scripts import run_script

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    run_script("0013_given_up.sql")
