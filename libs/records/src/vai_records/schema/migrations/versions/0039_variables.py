"""Variables and secrets of an organisation, which definitions name."""

from vai_records.schema.migrations.scripts import run_script

revision = "0039"
down_revision = "0038"


def upgrade() -> None:
    run_script("0039_variables.sql")
