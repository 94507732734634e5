-- The version that a Delta table had when its last run ended: a lake that is older than the database shows by it.
-- NULL where no service that knows the column has written the table. Older services leave it as it was, so a table's
-- real version is this one or a later one.
ALTER TABLE datasets ADD COLUMN delta_version bigint;
