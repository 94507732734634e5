"""When the next request may go to a vendor."""

from vai_records.schema.migrations.scripts import run_script

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    run_script("0024_rate_buckets.sql")
