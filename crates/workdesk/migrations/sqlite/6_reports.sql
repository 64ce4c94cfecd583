-- What a run's source sent of each entity.
CREATE TABLE report (
    run_id BIGINT NOT NULL REFERENCES run (id) ON DELETE CASCADE,
    entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    at BIGINT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (run_id, entity_id)
);
CREATE INDEX report_by_entity ON report (entity_id, action, run_id);

-- What is suspicious comes first.
CREATE INDEX entity_by_risk ON entity (case_id, is_suspicious DESC, id);
-- What an action says of an entity is found by its name in the case.
CREATE INDEX entity_in_case ON entity (case_id, identifier, entity_type);
