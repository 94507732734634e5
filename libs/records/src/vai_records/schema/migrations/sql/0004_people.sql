-- A person is one user; what an organisation says of them (name, role, password) is the membership's, so that the
-- administrators of one organisation can neither change nor use what another one knows.
ALTER TABLE memberships
    ADD COLUMN first_name           text,
    ADD COLUMN last_name            text,
    ADD COLUMN profile_picture_url  text,
    ADD COLUMN password_hash        text,
    -- a signed token is good for this version only: a new password or a removal ends the older ones
    ADD COLUMN token_version        int NOT NULL DEFAULT 0,
    -- kept, so that what the person did goes on having a name
    ADD COLUMN removed_at           timestamptz,
    ADD COLUMN created_at           timestamptz NOT NULL DEFAULT clock_timestamp();
UPDATE memberships m SET first_name = u.first_name, last_name = u.last_name,
    profile_picture_url = u.profile_picture_url, created_at = u.created_at
FROM users u WHERE u.id = m.user_id;
CREATE INDEX memberships_of_user ON memberships (user_id);

CREATE INDEX api_keys_list ON api_keys (org_id, id DESC);

-- Signed tokens that were signed out before their end.
CREATE TABLE ended_sessions (
    id       uuid PRIMARY KEY,
    ends_at  timestamptz NOT NULL
);
CREATE INDEX ended_sessions_over ON ended_sessions (ends_at);

-- How often somebody tried to sign in: by address, by email, by both (hashed). Losing it in a crash is harmless.
CREATE UNLOGGED TABLE sign_in_attempts (
    subject  bytea PRIMARY KEY,
    tries    int NOT NULL,
    since    timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE INDEX sign_in_attempts_over ON sign_in_attempts (since);
