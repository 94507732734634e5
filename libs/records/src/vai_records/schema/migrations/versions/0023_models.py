"""What organisations use of models is counted by day."""

from vai_records.schema.migrations.scripts import run_script

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    run_script("0023_models.sql")
