-- What the platform's SDK can change of a case.
ALTER TABLE cases ADD COLUMN stage TEXT NOT NULL DEFAULT 'Triage';
ALTER TABLE cases ADD COLUMN assignee TEXT NOT NULL DEFAULT '';
ALTER TABLE cases ADD COLUMN tags TEXT NOT NULL DEFAULT '[]';

-- The name and the settings of an integration; sealed with a key that is not in the database.
CREATE TABLE instance (
    name TEXT PRIMARY KEY,
    integration TEXT NOT NULL,
    sealed TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE api_token (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    person_id BIGINT NOT NULL REFERENCES person (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- SHA-256 of the token, which only its holder has.
    fingerprint TEXT NOT NULL UNIQUE,
    -- Words, with blanks between them.
    scopes TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT NOT NULL,
    used_at BIGINT
);
CREATE INDEX api_token_by_person ON api_token (person_id);

-- Notes that actions leave for each other.
CREATE TABLE context_property (
    kind BIGINT NOT NULL,
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, identifier, name)
);

CREATE TABLE attachment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    alert_identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    kind TEXT NOT NULL,
    description TEXT NOT NULL,
    is_favorite BIGINT NOT NULL,
    -- Base64, as it came.
    content TEXT NOT NULL,
    size BIGINT NOT NULL,
    created_at BIGINT NOT NULL
);
CREATE INDEX attachment_by_case ON attachment (case_id, id);
