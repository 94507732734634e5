"""Lists: exact totals, filters and search at a million rows, and the changes of an organisation's runs."""

from vai_records.schema.migrations.scripts import run_script

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    run_script("0003_lists.sql")
