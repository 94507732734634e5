-- A membership knows the email under which its organisation has written it down, so that a person who is known to
-- another organisation gets an id of its own here: nothing tells one administrator whom another one knows.
ALTER TABLE memberships
    ADD COLUMN email               text,
    -- when the person took it; who was added before this was needed has
    ADD COLUMN accepted_at         timestamptz DEFAULT clock_timestamp(),
    -- of the word by which the person takes it
    ADD COLUMN invitation_hash     bytea,
    ADD COLUMN invitation_ends_at  timestamptz;
UPDATE memberships m SET email = u.email, accepted_at = m.created_at FROM users u WHERE u.id = m.user_id;

CREATE FUNCTION membership_knows_its_email() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.email := coalesce(NEW.email, (SELECT email FROM users WHERE id = NEW.user_id));
    RETURN NEW;
END $$;
CREATE TRIGGER membership_knows_its_email BEFORE INSERT ON memberships
    FOR EACH ROW EXECUTE FUNCTION membership_knows_its_email();

CREATE INDEX memberships_of_email ON memberships (email);
CREATE UNIQUE INDEX memberships_invitation ON memberships (invitation_hash) WHERE invitation_hash IS NOT NULL;
