-- The newest report of each entity, by the action that fetched it: what its source sent.
CREATE TABLE report (
    entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    run_id BIGINT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (entity_id, action)
);
