"""Variables and secrets of an organisation, which definitions name."""

from vai_records.schema.migrations.scripts import run_script

revision = "0040"
down_revision = "0039"


def upgrade() -> None:
    run_script("0040_variables.sql")
