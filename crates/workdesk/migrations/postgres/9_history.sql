-- What grows with the years lies in partitions, which are made ahead and dropped by whole (store/partitions.rs): the audit log, case walls and the
-- history of fields by month, reports by ranges of their runs' numbers, since a report is unique by its run. Nothing points at these tables, and
-- they know their case, entity or run by its number only: so a month can be dropped without a look at each row. Names and columns stay as they were,
-- as processes of step 8 go on working. What is there already becomes the first partition, where it lies.

-- All or nothing at once: who waits for one of them while we wait for another would wait for ever. It is tried again.
SET LOCAL lock_timeout = '3s';
LOCK TABLE cases, entity, run, audit, wall, enrichment, report IN ACCESS EXCLUSIVE MODE;
SET LOCAL lock_timeout = 0;
SET LOCAL statement_timeout = 0;

ALTER TABLE audit RENAME TO audit_before;
ALTER TABLE audit_before DROP CONSTRAINT audit_pkey;
CREATE TABLE audit (LIKE audit_before, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);

ALTER TABLE wall RENAME TO wall_before;
ALTER TABLE wall_before DROP CONSTRAINT wall_pkey, DROP CONSTRAINT wall_case_id_fkey;
ALTER INDEX wall_by_case RENAME TO wall_before_by_case;
CREATE TABLE wall (LIKE wall_before, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX wall_by_case ON wall (case_id, id);

ALTER TABLE enrichment RENAME TO enrichment_before;
ALTER TABLE enrichment_before DROP CONSTRAINT enrichment_pkey, DROP CONSTRAINT enrichment_entity_id_fkey;
ALTER INDEX enrichment_by_entity RENAME TO enrichment_before_by_entity;
CREATE TABLE enrichment (LIKE enrichment_before, PRIMARY KEY (id, at)) PARTITION BY RANGE (at);
CREATE INDEX enrichment_by_entity ON enrichment (entity_id, id);

ALTER TABLE report RENAME TO report_before;
ALTER TABLE report_before DROP CONSTRAINT report_run_id_fkey, DROP CONSTRAINT report_entity_id_fkey;
ALTER INDEX report_pkey RENAME TO report_before_pkey;
ALTER INDEX report_by_entity RENAME TO report_before_by_entity;
CREATE TABLE report (LIKE report_before, PRIMARY KEY (run_id, entity_id)) PARTITION BY RANGE (run_id);
CREATE INDEX report_by_entity ON report (entity_id, action, run_id);

DO $$
DECLARE
    history text;
    newest bigint;
    bound bigint;
BEGIN
    FOREACH history IN ARRAY ARRAY['audit', 'wall', 'enrichment', 'report'] LOOP
        IF history <> 'report' THEN
            -- A partitioned table can't number its rows itself before PostgreSQL 17.
            EXECUTE format('ALTER TABLE %I ALTER id DROP IDENTITY', history || '_before');
            EXECUTE format('CREATE SEQUENCE %I OWNED BY %I.id', history || '_number', history);
            EXECUTE format('ALTER TABLE %I ALTER id SET DEFAULT nextval(%L)', history, history || '_number');
            EXECUTE format('SELECT setval(%L, COALESCE(max(id), 0) + 1, false) FROM %I', history || '_number', history || '_before');
        END IF;
        EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', history || '_other', history);
        IF history = 'report' THEN
            SELECT max(run_id) INTO newest FROM report_before;
            bound := (newest / 20000 + 1) * 20000;
        ELSE
            EXECUTE format('SELECT max(at) FROM %I', history || '_before') INTO newest;
            -- The end of the month, in UTC; of a later one where a clock was ahead.
            bound := extract(epoch FROM date_trunc('month', greatest(now(), to_timestamp(newest / 1000.0)) AT TIME ZONE 'UTC')
                + interval '1 month')::bigint * 1000;
        END IF;
        IF newest IS NULL THEN
            EXECUTE format('DROP TABLE %I', history || '_before');
        ELSE
            EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)', history, history || '_before', bound);
        END IF;
    END LOOP;
END $$;

-- What is done once a day, whichever process does it.
CREATE TABLE chore (
    name TEXT COLLATE "C" PRIMARY KEY,
    done_at BIGINT NOT NULL
);
