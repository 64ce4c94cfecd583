CREATE TABLE playbook (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT NOT NULL UNIQUE,
    -- YAML, as it was written.
    text TEXT NOT NULL,
    is_on BIGINT NOT NULL,
    updated_by TEXT NOT NULL,
    updated_at BIGINT NOT NULL
);

CREATE TABLE playbook_run (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    name TEXT NOT NULL,
    -- The playbook as it was when it was started.
    text TEXT NOT NULL,
    -- {"<step>": <what became of it>}
    states TEXT NOT NULL,
    outcome TEXT NOT NULL,
    -- The step that has failed.
    failed TEXT,
    started_by TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    ended_at BIGINT,
    -- Whether something has happened that its next steps may depend on.
    is_due BIGINT NOT NULL
);
CREATE INDEX playbook_run_by_case ON playbook_run (case_id, id);
CREATE INDEX playbook_run_by_due ON playbook_run (is_due, id);

-- What waits for a person.
CREATE TABLE pending_action (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    playbook_run_id BIGINT NOT NULL REFERENCES playbook_run (id) ON DELETE CASCADE,
    case_id BIGINT NOT NULL REFERENCES cases (id) ON DELETE CASCADE,
    step TEXT NOT NULL,
    question TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    decided_at BIGINT,
    decided_by TEXT,
    is_approved BIGINT,
    UNIQUE (playbook_run_id, step)
);
CREATE INDEX pending_action_by_state ON pending_action (decided_at, id);
CREATE INDEX pending_action_by_case ON pending_action (case_id, id);

-- The playbook's step that asked for the run, if any.
ALTER TABLE run ADD COLUMN playbook_run_id BIGINT;
ALTER TABLE run ADD COLUMN playbook_step TEXT;
CREATE INDEX run_by_playbook ON run (playbook_run_id, playbook_step);
