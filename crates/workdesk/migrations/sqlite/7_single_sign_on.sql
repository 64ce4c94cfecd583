-- Who comes from a provider of identities: its address and its name for them. They have no password here.
ALTER TABLE person ADD COLUMN subject TEXT;
CREATE UNIQUE INDEX person_by_subject ON person (subject);
