from vai_testkit.database import database_url, module_url, own_database, postgres_server  # noqa: F401
