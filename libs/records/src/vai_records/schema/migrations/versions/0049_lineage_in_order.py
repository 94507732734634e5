"""OpenLineage events of one run are sent in their order, whichever scheduler sends them."""

from vai_records.schema.migrations.scripts import run_script

revision = "0049"
down_revision = "0048"


def upgrade() -> None:
    run_script("0049_lineage_in_order.sql")
