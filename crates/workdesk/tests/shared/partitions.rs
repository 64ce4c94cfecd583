//! History in partitions: made ahead, with a place for what has none, dropped by whole.

use secops::EntityType;
use sqlx::{Executor, PgConnection};
use workdesk::{Retention, Sealer};

use crate::place;
use crate::scene::{EICAR, Scene};

async fn names(connection: &mut PgConnection, of: &str) -> Vec<String> {
    sqlx::query_scalar(
        "SELECT child.relname::text FROM pg_inherits JOIN pg_class AS child ON child.oid = inhrelid \
         WHERE inhparent = $1::regclass ORDER BY 1",
    )
    .bind(of)
    .fetch_all(connection)
    .await
    .unwrap()
}

async fn number(connection: &mut PgConnection, sql: &'static str) -> i64 {
    sqlx::query_scalar(sql).fetch_one(connection).await.unwrap()
}

impl Scene {
    async fn connect(&self) -> Option<PgConnection> {
        place::connect(&self.folder.path().join("workdesk.db")).await
    }
}

#[tokio::test]
async fn months_have_their_partitions_before_they_begin_and_each_row_lies_in_its_own() {
    let scene = Scene::new().await;
    let Some(mut connection) = scene.connect().await else {
        return;
    };
    scene.case(&[(EICAR, EntityType::FileHash)]).await;
    for table in ["audit", "wall", "enrichment"] {
        let known = names(&mut connection, table).await;
        assert_eq!(known.len(), 4, "this month, two more, and the rest: {known:?}");
        assert!(known.contains(&format!("{table}_other")), "{known:?}");
    }
    let known = names(&mut connection, "report").await;
    assert_eq!(
        known,
        ["report_0", "report_20000", "report_40000", "report_other"]
    );
    assert!(number(&mut connection, "SELECT count(*) FROM wall").await > 0);
    for rest in [
        "SELECT count(*) FROM wall_other",
        "SELECT count(*) FROM audit_other",
        "SELECT count(*) FROM enrichment_other",
    ] {
        assert_eq!(number(&mut connection, rest).await, 0, "{rest}");
    }
    // Nobody has made partitions for a long while.
    let months = names(&mut connection, "wall").await;
    for month in months.iter().filter(|name| !name.ends_with("_other")) {
        let drop = format!("DROP TABLE {month}");
        connection.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
    }
    let case = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    let before = scene.store.wall(case.id, None, 10).await.unwrap();
    assert!(number(&mut connection, "SELECT count(*) FROM wall_other").await > 0);
    let scene = scene.reopened().await;
    assert_eq!(
        names(&mut connection, "wall").await,
        months,
        "they are made again"
    );
    assert_eq!(
        number(&mut connection, "SELECT count(*) FROM wall_other").await,
        0
    );
    assert_eq!(scene.store.wall(case.id, None, 10).await.unwrap(), before);
}

#[tokio::test]
async fn several_processes_that_start_at_once_make_each_partition_once() {
    let scene = Scene::new().await;
    let Some(mut connection) = scene.connect().await else {
        return;
    };
    let known = names(&mut connection, "audit").await;
    for month in known.iter().filter(|name| !name.ends_with("_other")) {
        let drop = format!("DROP TABLE {month}");
        connection.execute(sqlx::AssertSqlSafe(drop)).await.unwrap();
    }
    let path = scene.folder.path().join("workdesk.db");
    let clock = virustotal::Clock::new(|| jiff::Timestamp::UNIX_EPOCH);
    let opened = (0..4).map(|_| place::open(&path, clock.clone(), Sealer::new(&[7; 32])));
    futures_util::future::join_all(opened).await;
    assert_eq!(names(&mut connection, "audit").await, known);
}

#[tokio::test]
async fn a_month_of_removed_cases_is_dropped_by_whole_and_one_with_a_kept_case_is_not() {
    let scene = Scene::new().await;
    let Some(mut connection) = scene.connect().await else {
        return;
    };
    for is_open in [false, true, false] {
        let case = scene.case(&[(EICAR, EntityType::FileHash)]).await;
        scene.store.comment(case.id, "seen", "ann").await.unwrap();
        if !is_open {
            scene.store.set_open(case.id, false, "ann").await.unwrap();
        }
    }
    // The first is of January 2026, the others of February, of which one is open.
    connection
        .execute(
            "CREATE TABLE wall_2026_01 PARTITION OF wall FOR VALUES FROM (1767225600000) TO (1769904000000);
             CREATE TABLE wall_2026_02 PARTITION OF wall FOR VALUES FROM (1769904000000) TO (1772323200000);
             UPDATE wall SET at = 1767225600000 + id WHERE case_id = 1;
             UPDATE wall SET at = 1769904000000 + id WHERE case_id > 1;
             UPDATE cases SET updated_at = 1769904000000;
             INSERT INTO wall (case_id, at, kind, actor, text) VALUES (77, 1769904000001, 'comment', 'x', 'of a pass that was cut off')",
        )
        .await
        .unwrap();
    let retention = Retention {
        closed_cases: Some(1),
        ..Retention::default()
    };
    let removed = scene.store.tidy(&retention).await.unwrap();
    assert_eq!(
        (removed.cases, removed.wall, removed.partitions),
        (2, 6, 1),
        "{removed:?}"
    );
    let known = names(&mut connection, "wall").await;
    assert!(!known.contains(&"wall_2026_01".to_owned()), "{known:?}");
    assert!(known.contains(&"wall_2026_02".to_owned()), "{known:?}");
    assert_eq!(number(&mut connection, "SELECT count(*) FROM wall").await, 2);
    assert_eq!(
        number(
            &mut connection,
            "SELECT count(*) FROM wall_2026_02 WHERE case_id = 2"
        )
        .await,
        2
    );
}

#[tokio::test]
async fn months_of_the_audit_log_are_dropped_by_whole() {
    let scene = Scene::new().await;
    let Some(mut connection) = scene.connect().await else {
        return;
    };
    connection
        .execute(
            "CREATE TABLE audit_2026_01 PARTITION OF audit FOR VALUES FROM (1767225600000) TO (1769904000000);
             INSERT INTO audit (at, actor, deed, object, detail) SELECT 1767225600000 + n, 'x', 'x', '', '' FROM generate_series(1, 3000) AS n",
        )
        .await
        .unwrap();
    let retention = Retention {
        audit: Some(1),
        ..Retention::default()
    };
    let removed = scene.store.tidy(&retention).await.unwrap();
    assert_eq!((removed.audit, removed.partitions), (3_000, 1));
    assert!(
        !names(&mut connection, "audit")
            .await
            .contains(&"audit_2026_01".to_owned())
    );
}

#[tokio::test]
async fn a_range_of_reports_goes_with_its_last_run() {
    let scene = Scene::new().await;
    let Some(mut connection) = scene.connect().await else {
        return;
    };
    let old = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    scene.store.set_open(old.id, false, "ann").await.unwrap();
    let new = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    connection
        .execute(
            "UPDATE cases SET updated_at = 0 WHERE id = 1;
             INSERT INTO run (id, case_id, action, instance, parameters, targets, state, step, message, requested_by, created_at, due_at, \
                 ended_at, cancel_asked) \
                 SELECT n, CASE WHEN n < 20000 THEN 1 ELSE 2 END, 'x', '', '{}', '[]', 'done', 1, '', 'ann', 0, 0, 1, 0 \
                 FROM unnest(ARRAY[1, 19999, 20000]) AS n;
             INSERT INTO report (run_id, entity_id, action, at, body) \
                 SELECT id, case_id, 'x', 0, '{}' FROM run",
        )
        .await
        .unwrap();
    let retention = Retention {
        closed_cases: Some(1),
        ..Retention::default()
    };
    let removed = scene.store.tidy(&retention).await.unwrap();
    assert_eq!((removed.cases, removed.runs, removed.reports), (1, 2, 2));
    let known = names(&mut connection, "report").await;
    assert_eq!(known, ["report_20000", "report_40000", "report_other"]);
    let entity = scene.store.record(new.id).await.unwrap().entities[0].id;
    assert_eq!(scene.store.reports(entity).await.unwrap().len(), 1);
}
