"""Alembic's way in; called by vai_records.schema.migrate with a connection that is already open."""

from alembic import context

context.configure(connection=context.config.attributes["connection"], transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
