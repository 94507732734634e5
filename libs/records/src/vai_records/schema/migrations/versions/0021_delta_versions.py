"""The database knows which version of a Delta table it tells of."""

from vai_records.schema.migrations.scripts import run_script

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    run_script("0021_delta_versions.sql")
