//! Versions side by side: processes of the step before go on working over newer tables, and two steps are refused.

use std::sync::Arc;
use std::time::Duration;

use secops::{Entity, EntityType};
use serde_json::json;
use serde_json::value::to_raw_value;
use sqlx::{Connection, Executor, PgConnection};
use test_postgres::TestDatabase;
use virustotal::{Clock, Database};
use workdesk::{
    Ended, Engine, External, NewAlert, NewCase, NewRun, Pace, Role, RunState, Sealer, Store, WallKind,
};

use crate::scene::{EICAR, Simulated, simulator};
use crate::served::PASSWORD;

const BEFORE: i64 = 9;

#[expect(clippy::disallowed_methods, reason = "what is due is due in real time")]
fn clock() -> Clock {
    Clock::new(jiff::Timestamp::now)
}

async fn open(database: &TestDatabase, step: i64) -> Result<Store, workdesk::Error> {
    let database = Database::parse(&database.address()).unwrap();
    Store::open_shared_at(&database, clock(), Sealer::new(&[7; 32]), step).await
}

/// What a process does all day, and what it finds.
async fn a_day_with(store: &Store, title: &str) -> i64 {
    let alert = NewAlert {
        entities: vec![Entity::new(EICAR, EntityType::FileHash)],
        ..NewAlert::default()
    };
    let new = NewCase {
        title: title.to_owned(),
        alerts: vec![alert],
        ..NewCase::default()
    };
    let case = store.create_case(new, "ann").await.unwrap();
    store.comment(case.id, "seen", "ann").await.unwrap();
    let run = NewRun {
        case: case.id,
        action: "Scan Hash".to_owned(),
        instance: "default".to_owned(),
        parameters: secops::Parameters::new(),
        targets: Vec::new(),
        deadline_at: None,
    };
    let mut enriched = Entity::new(EICAR.to_uppercase(), EntityType::FileHash);
    enriched.is_suspicious = true;
    let report = to_raw_value(&json!({"positives": 63})).unwrap();
    let ended = Ended {
        entities: vec![enriched],
        reports: vec![(EICAR.to_uppercase(), Arc::from(report))],
        ..Ended::without_result(RunState::Done, "1 is risky.")
    };
    store.add_ended_run(run, &ended, "ann").await.unwrap();
    store
        .save_instance(title, "VirusTotal", &secops::Parameters::new(), "ann")
        .await
        .unwrap();
    store.set_open(case.id, false, "ann").await.unwrap();
    is_whole(store, case.id).await;
    case.id
}

async fn is_whole(store: &Store, case: i64) {
    let record = store.record(case).await.unwrap();
    let kinds: Vec<WallKind> = record.wall.iter().map(|entry| entry.kind).collect();
    assert_eq!(
        kinds,
        [
            WallKind::Created,
            WallKind::Comment,
            WallKind::Asked,
            WallKind::Ended,
            WallKind::Closed
        ]
    );
    let entity = &record.entities[0];
    assert!(entity.entity.is_suspicious);
    assert_eq!(store.enrichments(entity.id).await.unwrap().len(), 1);
    assert_eq!(store.reports(entity.id).await.unwrap().len(), 1);
    assert!(store.json_result(record.runs[0].id).await.unwrap().contains("63"));
}

#[tokio::test]
async fn a_process_of_the_step_before_goes_on_working_while_and_after_the_tables_change() {
    let Some(database) = test_postgres::database().await else {
        return;
    };
    let old = open(&database, BEFORE).await.unwrap();
    let first = a_day_with(&old, "before").await;
    let mut connection = database.connect().await;
    connection
        .execute("SET search_path TO vtsecops_desk")
        .await
        .unwrap();
    let step = "SELECT max(version) FROM _sqlx_migrations";
    let found: i64 = sqlx::query_scalar(step).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, BEFORE);
    // It works on while the new one comes.
    let working = tokio::spawn({
        let old = old.clone();
        async move {
            let mut cases = Vec::new();
            for number in 0..30 {
                cases.push(a_day_with(&old, &format!("while {number}")).await);
            }
            cases
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    let new = open(&database, Store::STEP).await.unwrap();
    let found: i64 = sqlx::query_scalar(step).fetch_one(&mut connection).await.unwrap();
    assert_eq!(found, Store::STEP);
    let meanwhile = working.await.unwrap();
    let after = a_day_with(&old, "after").await;
    let by_new = a_day_with(&new, "by the new one").await;
    for case in [first, after, by_new].into_iter().chain(meanwhile) {
        is_whole(&old, case).await;
        is_whole(&new, case).await;
    }
    // One that starts now, of the step before, too; it claims what is due.
    let late = open(&database, BEFORE).await.unwrap();
    let running = simulator(|builder| builder).await;
    let clients = Arc::new(Simulated(running.base_url()));
    let engine = Engine::start(late.clone(), clients, Pace::default(), External::default())
        .await
        .unwrap();
    late.set_open(after, true, "ben").await.unwrap();
    let run = NewRun {
        case: after,
        action: "Scan Hash".to_owned(),
        instance: "default".to_owned(),
        parameters: secops::Parameters::new().with("Threshold", "3"),
        targets: Vec::new(),
        deadline_at: None,
    };
    let run = engine.ask(run, "ben").await.unwrap();
    let mut tries = 0;
    while !new.run(run.id).await.unwrap().state.is_over() {
        tries += 1;
        assert!(tries < 400, "{:?}", new.run(run.id).await);
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(new.run(run.id).await.unwrap().state, RunState::Done);
    engine.stop().await;
}

/// As the program of step 9 has them, to the letter.
const OF_STEP_9: [&str; 10] = [
    "INSERT INTO wall (case_id, at, kind, actor, text, run_id) VALUES (1, 1767225600000, 'comment', 'ann', 'old words', NULL)",
    "INSERT INTO audit (at, actor, deed, object, detail) VALUES (1767225600000, 'ann', 'x', '', '')",
    "INSERT INTO enrichment (entity_id, run_id, source, at, changes) VALUES (1, 1, 'x', 1767225600000, '{}')",
    "INSERT INTO report (run_id, entity_id, action, at, body) SELECT 1, id, 'x', 1767225600000, '{}' FROM entity WHERE case_id = 1 \
     AND identifier = '44D88612FEA8A8F36DE82E1278ABB02F' ON CONFLICT (run_id, entity_id) DO NOTHING",
    "SELECT * FROM report WHERE entity_id = 1 AND run_id = (SELECT max(newer.run_id) FROM report AS newer \
     WHERE newer.entity_id = 1 AND newer.action = report.action) ORDER BY run_id DESC",
    "SELECT * FROM wall WHERE case_id = 1 AND id < 9223372036854775807 ORDER BY id DESC LIMIT 100",
    "DELETE FROM session WHERE expires_at <= 1767225600000",
    "INSERT INTO session (token, person_id, created_at, expires_at) \
     VALUES ('cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4', 1, 1767225600000, 4102444800000)",
    "SELECT person.id, name, role FROM session JOIN person ON person.id = person_id \
     WHERE token = 'cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4' AND expires_at > 1767225600000",
    "DELETE FROM session WHERE person_id = 1 AND token <> 'cba06b5736faf67e54b07b561eae94395e774c517a7d910a54369e1263ccfbd4'",
];

#[tokio::test]
async fn the_statements_of_the_step_before_mean_the_same_over_the_new_tables() {
    let Some(database) = test_postgres::database().await else {
        return;
    };
    let store = open(&database, Store::STEP).await.unwrap();
    a_day_with(&store, "one").await;
    let ann = store
        .add_person("ann", Role::Viewer, PASSWORD.into(), "test")
        .await
        .unwrap();
    let mut connection = database.connect().await;
    connection
        .execute("SET search_path TO vtsecops_desk")
        .await
        .unwrap();
    let counted: Vec<u64> = {
        let mut counted = Vec::new();
        for sql in OF_STEP_9 {
            let done = connection
                .execute(sql)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error}"));
            counted.push(done.rows_affected());
        }
        counted
    };
    assert_eq!(counted, [1, 1, 1, 0, 1, 6, 0, 1, 1, 0]);
    // Whom the step before has let in is in.
    assert_eq!(store.person_of("old").await.unwrap(), Some(ann));
    // Numbers go on, and columns stand in their order: what is prepared stays so.
    let columns: Vec<String> = sqlx::query_scalar(
        "SELECT column_name::text FROM information_schema.columns WHERE table_schema = 'vtsecops_desk' AND table_name = 'wall' \
         ORDER BY ordinal_position",
    )
    .fetch_all(&mut connection)
    .await
    .unwrap();
    assert_eq!(
        columns,
        ["id", "case_id", "at", "kind", "actor", "text", "run_id"]
    );
    let wall = store.wall(1, None, 1).await.unwrap();
    assert_eq!((wall[0].id, wall[0].text.as_str()), (6, "old words"));
}

#[tokio::test]
async fn two_steps_ahead_are_refused_in_words_and_nothing_is_changed() {
    let Some(database) = test_postgres::database().await else {
        return;
    };
    let store = open(&database, Store::STEP).await.unwrap();
    let ahead = |step: i64| {
        format!(
            "INSERT INTO vtsecops_desk._sqlx_migrations (version, description, success, checksum, execution_time) \
             VALUES ({step}, 'of a later version', true, '\\x00', 0)"
        )
    };
    let mut connection: PgConnection = database.connect().await;
    let one = ahead(Store::STEP + 1);
    connection.execute(sqlx::AssertSqlSafe(one)).await.unwrap();
    // This version bears the next one's tables.
    open(&database, Store::STEP).await.unwrap().close().await;
    let refused = open(&database, BEFORE).await.unwrap_err().to_string();
    assert!(
        refused.contains("to step 11") && refused.contains("steps up to 10"),
        "{refused}"
    );
    let two = ahead(Store::STEP + 2);
    connection.execute(sqlx::AssertSqlSafe(two)).await.unwrap();
    let refused = open(&database, Store::STEP).await.unwrap_err().to_string();
    assert!(
        refused.contains("a later version has brought its tables to step 12")
            && refused.contains("start that version"),
        "{refused}"
    );
    // Who is there already goes on.
    store.cases(&workdesk::CaseFilter::default()).await.unwrap();
    connection.close().await.unwrap();
}
