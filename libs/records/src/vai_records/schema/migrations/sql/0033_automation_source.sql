-- What an automation was made of: the agent's run that it was crystallized from -----------------------------------------

ALTER TABLE automations ADD COLUMN source_id uuid;
