from vai_testkit.database import database, database_url, module_url, own_database, postgres_server  # noqa: F401
from vai_testkit.servers.broker import broker  # noqa: F401
