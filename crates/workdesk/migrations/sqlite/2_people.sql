CREATE TABLE person (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    role TEXT NOT NULL,
    -- PHC string of Argon2id.
    password TEXT NOT NULL,
    created_at BIGINT NOT NULL
);

CREATE TABLE session (
    -- SHA-256 of the token, which only the browser has.
    token TEXT PRIMARY KEY,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL
);
CREATE INDEX session_by_person ON session (person_id);
