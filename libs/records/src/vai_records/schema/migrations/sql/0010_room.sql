-- Who waits for room under a limit (records.fragments.waits_for_room): new and approved runs are held, those that have
-- begun are delayed without a time. By connection, so that the oldest that fit are found however many do not.
CREATE INDEX runs_waiting ON runs (org_id, coalesce(connection_id, '00000000-0000-0000-0000-000000000000'), id)
    WHERE (phase = 'held' AND held_for = 'limit') OR (phase = 'delayed' AND due_at = 'infinity');

-- Approvals are looked for often; those that are held for something else must not be read with them.
CREATE INDEX runs_to_approve ON runs (id) WHERE phase = 'held' AND held_for = 'approval' AND status = 'pending';
