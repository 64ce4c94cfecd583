-- What is done once a day, whichever process does it.
CREATE TABLE chore (
    name TEXT PRIMARY KEY,
    done_at BIGINT NOT NULL
);
