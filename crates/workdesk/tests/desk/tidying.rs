//! Retention: what is removed, and what never is.

use std::sync::Arc;
use std::time::Duration;

use integration::Action;
use secops::{EntityType, Parameters};
use serde_json::json;
use serde_json::value::to_raw_value;
use workdesk::{Case, Ended, Error, NewRun, Retention, RunState, Tidied};

use crate::place;
use crate::scene::{EICAR, Scene};

const NINETY_DAYS: Retention = Retention {
    closed_cases: Some(90),
    reports: None,
    audit: None,
};

fn run_of(case: &Case) -> NewRun {
    NewRun {
        case: case.id,
        action: Action::ScanHash.definition().name.to_owned(),
        instance: "default".to_owned(),
        parameters: Parameters::new(),
        targets: Vec::new(),
        deadline_at: None,
    }
}

fn ended() -> Ended {
    let report = to_raw_value(&json!({"positives": 63})).unwrap();
    Ended {
        result: Some(to_raw_value(&json!({"tables": []})).unwrap()),
        reports: vec![(EICAR.to_uppercase(), Arc::from(report))],
        ..Ended::without_result(RunState::Done, "1 is risky.")
    }
}

/// A closed case with a run, a report, a comment.
async fn closed(scene: &Scene) -> Case {
    let case = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    scene
        .store
        .add_ended_run(run_of(&case), &ended(), "ann")
        .await
        .unwrap();
    scene.store.comment(case.id, "seen", "ann").await.unwrap();
    scene.store.set_open(case.id, false, "ann").await.unwrap()
}

impl Scene {
    async fn age(&self, sql: &'static str) {
        place::execute(&self.folder.path().join("workdesk.db"), sql).await;
    }

    async fn number(&self, sql: &'static str) -> i64 {
        place::number(&self.folder.path().join("workdesk.db"), sql).await
    }
}

#[tokio::test]
async fn closed_cases_that_are_old_go_with_all_that_belongs_to_them_and_no_others() {
    let scene = Scene::new().await;
    let store = &scene.store;
    let old = closed(&scene).await;
    let under_way = closed(&scene).await;
    store.queue_run(run_of(&under_way), "ann").await.unwrap();
    let open = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    scene
        .age("UPDATE cases SET updated_at = updated_at - 91 * CAST(86400000 AS BIGINT)")
        .await;
    let recent = closed(&scene).await;
    assert_eq!(
        store.tidy(&Retention::default()).await.unwrap(),
        Tidied::default()
    );
    let would = store.tidy_dry(&NINETY_DAYS).await.unwrap();
    assert!(store.case(old.id).await.is_ok(), "it was only asked");
    let removed = store.tidy(&NINETY_DAYS).await.unwrap();
    assert_eq!(removed, would);
    assert_eq!(
        (
            removed.cases,
            removed.entities,
            removed.runs,
            removed.reports,
            removed.wall
        ),
        (1, 1, 1, 1, 5)
    );
    assert!(matches!(store.case(old.id).await, Err(Error::NotFound { .. })));
    for kept in [&under_way, &open, &recent] {
        assert!(store.case(kept.id).await.is_ok(), "{kept:?}");
        assert!(!store.wall(kept.id, None, 100).await.unwrap().is_empty());
    }
    for (table, rows) in [
        ("SELECT count(*) FROM entity", 3),
        ("SELECT count(*) FROM run", 3),
        ("SELECT count(*) FROM report", 2),
        (
            "SELECT count(*) FROM wall WHERE case_id NOT IN (SELECT id FROM cases)",
            0,
        ),
        (
            "SELECT count(*) FROM enrichment WHERE entity_id NOT IN (SELECT id FROM entity)",
            0,
        ),
    ] {
        assert_eq!(scene.number(table).await, rows, "{table}");
    }
    let told = store.audit_log(1).await.unwrap();
    assert_eq!(
        (told[0].actor.as_str(), told[0].deed.as_str()),
        ("retention", "removed what is old")
    );
    assert!(told[0].object.contains("1 closed cases"), "{told:?}");
    assert_eq!(store.tidy(&NINETY_DAYS).await.unwrap(), Tidied::default());
    // The number of a case that is gone is nobody else's.
    assert!(scene.case(&[]).await.id > recent.id);
}

#[tokio::test]
async fn a_case_that_is_opened_again_while_old_ones_are_removed_stays_whole() {
    let scene = Scene::new().await;
    let store = &scene.store;
    let mut cases = Vec::new();
    for _ in 0..60 {
        cases.push(closed(&scene).await);
    }
    scene
        .age("UPDATE cases SET updated_at = updated_at - 91 * CAST(86400000 AS BIGINT)")
        .await;
    let tidying = store.tidy(&NINETY_DAYS);
    let opening = async {
        let mut opened = Vec::new();
        for case in cases.iter().rev() {
            match store.set_open(case.id, true, "ben").await {
                Ok(case) => opened.push(case),
                // It was removed before, or in between.
                Err(_) => break,
            }
        }
        opened
    };
    let (removed, opened) = tokio::join!(tidying, opening);
    let removed = removed.unwrap();
    assert!(!opened.is_empty(), "nobody was kept waiting");
    assert!(removed.cases > 0, "{removed:?}");
    for case in opened {
        let record = store.record(case.id).await.unwrap();
        assert_eq!(
            (record.wall.len(), record.runs.len(), record.entities.len()),
            (6, 1, 1)
        );
        let reports = store.reports(record.entities[0].id).await.unwrap();
        assert_eq!(reports.len(), 1, "{case:?}");
    }
}

#[tokio::test]
async fn reports_of_closed_cases_go_alone_and_the_run_says_so() {
    let scene = Scene::new().await;
    let store = &scene.store;
    let old = closed(&scene).await;
    let open = scene.case(&[(EICAR, EntityType::FileHash)]).await;
    store.add_ended_run(run_of(&open), &ended(), "ann").await.unwrap();
    scene
        .age("UPDATE run SET ended_at = ended_at - 31 * CAST(86400000 AS BIGINT)")
        .await;
    let retention = Retention {
        reports: Some(30),
        ..Retention::default()
    };
    let would = store.tidy_dry(&retention).await.unwrap();
    let removed = store.tidy(&retention).await.unwrap();
    assert_eq!(would, removed);
    assert_eq!((removed.emptied_runs, removed.reports, removed.cases), (1, 1, 0));
    let record = store.record(old.id).await.unwrap();
    assert!(
        record.runs[0]
            .message
            .ends_with("(Its reports were removed: they are kept for 30 days.)")
    );
    assert_eq!(store.run(record.runs[0].id).await.unwrap().result.map(drop), None);
    assert!(store.reports(record.entities[0].id).await.unwrap().is_empty());
    let entity = store.record(open.id).await.unwrap().entities[0].id;
    assert_eq!(store.reports(entity).await.unwrap().len(), 1, "the case is open");
    assert_eq!(store.tidy(&retention).await.unwrap(), Tidied::default());
}

#[tokio::test]
async fn old_entries_of_the_audit_log_go_where_they_may() {
    let scene = Scene::new().await;
    let store = &scene.store;
    for name in ["a", "b", "c"] {
        store
            .save_instance(name, "VirusTotal", &Parameters::new(), "ann")
            .await
            .unwrap();
    }
    scene
        .age("UPDATE audit SET at = at - 400 * CAST(86400000 AS BIGINT) WHERE object <> 'c'")
        .await;
    let retention = Retention {
        audit: Some(365),
        ..Retention::default()
    };
    assert_eq!(store.tidy_dry(&retention).await.unwrap().audit, 2);
    assert_eq!(store.tidy(&retention).await.unwrap().audit, 2);
    let left = store.audit_log(10).await.unwrap();
    let left: Vec<&str> = left.iter().map(|entry| entry.object.as_str()).collect();
    assert_eq!(left, ["2 entries of the audit log", "c"]);
}

#[tokio::test]
async fn a_process_that_serves_tidies_up_once_a_day() {
    let scene = Scene::new().await;
    let old = closed(&scene).await;
    scene
        .age("UPDATE cases SET updated_at = updated_at - 91 * CAST(86400000 AS BIGINT)")
        .await;
    let looking = tokio::spawn(scene.store.clone().look_after(NINETY_DAYS));
    let mut tries = 0;
    while scene
        .number("SELECT count(*) FROM chore WHERE name = 'tidy'")
        .await
        == 0
    {
        tries += 1;
        assert!(tries < 200, "nobody does it");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(scene.store.case(old.id).await.is_err(), "it was to go");
    looking.abort();
    let later = closed(&scene).await;
    scene
        .age("UPDATE cases SET updated_at = updated_at - 91 * CAST(86400000 AS BIGINT)")
        .await;
    let again = tokio::spawn(scene.store.clone().look_after(NINETY_DAYS));
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(scene.store.case(later.id).await.is_ok(), "the day is not over");
    again.abort();
}
