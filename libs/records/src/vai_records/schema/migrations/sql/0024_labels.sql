-- Labels of people's own on what they save and run, and runs by them ------------------------------------------------------

ALTER TABLE runs ADD COLUMN labels jsonb;
ALTER TABLE actions ADD COLUMN labels jsonb NOT NULL DEFAULT '{}';

-- A number for each label, alone and with its value, of one organisation: what is searched has all of them.
CREATE FUNCTION label_marks(org_id uuid, labels jsonb) RETURNS bigint[]
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT coalesce(array_agg(hashtextextended(mark, hashtextextended(org_id::text, 0))), '{}')
    FROM jsonb_each_text(labels) label, unnest(ARRAY[label.key, label.key || '=' || label.value]) mark
$$;
CREATE INDEX runs_by_label ON runs USING gin (label_marks(org_id, labels)) WHERE labels IS NOT NULL;
