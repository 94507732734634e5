"""What a receiver of OpenLineage events has not been told yet."""

from vai_records.schema.migrations.scripts import run_script

revision = "0044"
down_revision = "0043"


def upgrade() -> None:
    run_script("0044_lineage_news.sql")
