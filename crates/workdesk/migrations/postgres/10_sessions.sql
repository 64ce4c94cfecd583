-- When a session was last used, to the minute: one that is not used ends. Processes of step 9 leave it empty, and such a session counts as used.
SET LOCAL lock_timeout = '3s';
ALTER TABLE session ADD COLUMN used_at BIGINT;
