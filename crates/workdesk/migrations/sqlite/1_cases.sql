-- Times are milliseconds since 1970, UTC. Flags are 0 or 1. Texts of JSON are written and read whole.

CREATE TABLE environment (
    name TEXT PRIMARY KEY,
    created_at BIGINT NOT NULL
);

CREATE TABLE cases (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    title TEXT NOT NULL,
    description TEXT NOT NULL,
    environment TEXT NOT NULL REFERENCES environment (name),
    priority BIGINT NOT NULL,
    is_open BIGINT NOT NULL,
    created_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    entities BIGINT NOT NULL,
    suspicious BIGINT NOT NULL
);
CREATE INDEX case_by_update ON cases (is_open, updated_at);
CREATE INDEX case_by_environment ON cases (environment, updated_at);

CREATE TABLE alert (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    identifier TEXT NOT NULL,
    name TEXT NOT NULL,
    product TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    -- Fields that came with it and that nothing here reads.
    rest TEXT NOT NULL,
    UNIQUE (case_id, identifier)
);

CREATE TABLE entity (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    alert_id BIGINT NOT NULL REFERENCES alert (id) ON DELETE CASCADE,
    -- As the platform stores it: in upper case.
    identifier TEXT NOT NULL,
    entity_type TEXT NOT NULL,
    is_internal BIGINT NOT NULL,
    is_suspicious BIGINT NOT NULL,
    is_enriched BIGINT NOT NULL,
    properties TEXT NOT NULL,
    rest TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (alert_id, identifier, entity_type)
);
CREATE INDEX entity_by_case ON entity (case_id, id);
CREATE INDEX entity_by_name ON entity (identifier, entity_type);

-- What an action changed of an entity, and when.
CREATE TABLE enrichment (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    entity_id BIGINT NOT NULL REFERENCES entity (id) ON DELETE CASCADE,
    run_id BIGINT,
    source TEXT NOT NULL,
    at BIGINT NOT NULL,
    -- {"<field>": {"from": <value or absent>, "to": <value>}}
    changes TEXT NOT NULL
);
CREATE INDEX enrichment_by_entity ON enrichment (entity_id, id);

CREATE TABLE insight (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    entity_id BIGINT,
    run_id BIGINT,
    title TEXT NOT NULL,
    content TEXT NOT NULL,
    severity BIGINT NOT NULL,
    triggered_by TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX insight_by_case ON insight (case_id, id);
CREATE INDEX insight_by_entity ON insight (entity_id, id);

CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    action TEXT NOT NULL,
    instance TEXT NOT NULL,
    parameters TEXT NOT NULL,
    -- Ids of the target entities, in order.
    targets TEXT NOT NULL,
    state TEXT NOT NULL,
    -- Counts up with each step, so that a step that is over is not taken again.
    step BIGINT NOT NULL,
    -- What the next step resumes from.
    saved TEXT,
    message TEXT NOT NULL,
    script_result TEXT,
    result TEXT,
    requested_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    started_at BIGINT,
    ended_at BIGINT,
    due_at BIGINT NOT NULL,
    deadline_at BIGINT,
    cancel_asked BIGINT NOT NULL
);
CREATE INDEX run_by_case ON run (case_id, id);
CREATE INDEX run_by_state ON run (state, due_at);

-- What happened on a case, in order.
CREATE TABLE wall (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    at BIGINT NOT NULL,
    kind TEXT NOT NULL,
    actor TEXT NOT NULL,
    text TEXT NOT NULL,
    run_id BIGINT
);
CREATE INDEX wall_by_case ON wall (case_id, id);

-- Who did what; never changed, never deleted.
CREATE TABLE audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    deed TEXT NOT NULL,
    object TEXT NOT NULL,
    detail TEXT NOT NULL
);
