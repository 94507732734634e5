-- Which resources of which definitions fill a bronze table, by connection: {connection or none: {resource: {of, action}}}.
-- Two that do so without knowing of each other are warned of.
ALTER TABLE datasets ADD COLUMN filled_by jsonb NOT NULL DEFAULT '{}';
