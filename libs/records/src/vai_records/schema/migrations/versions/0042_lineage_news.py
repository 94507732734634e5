"""What a receiver of OpenLineage events has not been told yet."""

from vai_records.schema.migrations.scripts import run_script

revision = "0042"
down_revision = "0041"


def upgrade() -> None:
    run_script("0042_lineage_news.sql")
