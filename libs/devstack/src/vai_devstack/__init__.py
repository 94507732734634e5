"""The embedded stack: Postgres, a Kafka-protocol broker and all services, one command."""
