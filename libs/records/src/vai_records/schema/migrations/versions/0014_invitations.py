"""Memberships are accepted by the person, and have an id of their own in each organisation."""

from vai_records.schema.migrations.scripts import run_script

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    run_script("0014_invitations.sql")
