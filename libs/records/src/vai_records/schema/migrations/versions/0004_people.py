"""People: what an organisation says of its members, signed tokens that ended, and how often somebody tried."""

from vai_records.schema.migrations.scripts import run_script

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    run_script("0004_people.sql")
