"""What services tell each other: Kafka, the bell, notifications of Postgres."""
