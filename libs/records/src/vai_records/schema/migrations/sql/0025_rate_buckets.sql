-- When the next request may go to a vendor, for each connection and endpoint (`vai_records.connections.rates`).
-- `scope` is the connection's id, or the organisation's where an extraction has no connection.
CREATE TABLE rate_buckets (
    scope    uuid NOT NULL,
    bucket   text NOT NULL,
    next_at  timestamptz NOT NULL,
    PRIMARY KEY (scope, bucket)
);
