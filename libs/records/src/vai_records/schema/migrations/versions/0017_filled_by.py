"""Bronze tables know whose resources fill them."""

from vai_records.schema.migrations.scripts import run_script

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    run_script("0017_filled_by.sql")
