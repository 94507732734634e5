"""When the next request may go to a vendor."""

from vai_records.schema.migrations.scripts import run_script

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    run_script("0025_rate_buckets.sql")
