-- When a session was last used, to the minute: one that is not used ends.
ALTER TABLE session ADD COLUMN used_at BIGINT;
