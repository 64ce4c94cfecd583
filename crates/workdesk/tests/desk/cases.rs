//! Cases: made whole or not at all, found again, told apart.

use secops::{Entity, EntityType};
use serde_json::json;
use workdesk::{CaseFilter, Error, NewAlert, NewCase, Priority, WallKind};

use crate::scene::{EICAR, Scene};

fn titled(title: &str) -> NewCase {
    NewCase {
        title: title.to_owned(),
        ..NewCase::default()
    }
}

#[tokio::test]
async fn a_case_comes_back_as_it_was_given_after_the_process_has_ended() {
    let scene = Scene::new().await;
    let mut entity = Entity::new("http://A.example/Path", EntityType::Url);
    entity.additional_properties.insert("Seen".to_owned(), json!(7));
    entity.is_internal = true;
    let new = NewCase {
        title: " A mail ".to_owned(),
        description: "with an attachment".to_owned(),
        environment: "Customer A".to_owned(),
        priority: Priority::High,
        alerts: vec![NewAlert {
            identifier: "mail-1".to_owned(),
            name: "Mail".to_owned(),
            entities: vec![
                entity,
                Entity::new(EICAR, EntityType::FileHash),
                Entity::new(EICAR.to_uppercase(), EntityType::FileHash),
            ],
            ..NewAlert::default()
        }],
    };
    let made = scene.store.create_case(new, "ann").await.unwrap();
    let scene = scene.reopened().await;
    let case = scene.store.case(made.id).await.unwrap();
    assert_eq!(case, made);
    assert_eq!(
        (case.title.as_str(), case.environment.as_str()),
        ("A mail", "Customer A")
    );
    assert_eq!(
        (case.priority, case.entities, case.suspicious),
        (Priority::High, 2, 0)
    );
    let entities = scene.store.entities(case.id, 0, 100).await.unwrap();
    let url = &entities[0].entity;
    assert_eq!(url.identifier, "HTTP://A.EXAMPLE/PATH");
    assert_eq!(url.original_identifier(), "http://A.example/Path");
    assert_eq!(
        (url.is_internal, &url.additional_properties["Seen"]),
        (true, &json!(7))
    );
    assert_eq!(entities[1].entity.original_identifier(), EICAR);
    let wall = scene.store.wall(case.id, None, 10).await.unwrap();
    assert_eq!((wall[0].kind, wall[0].actor.as_str()), (WallKind::Created, "ann"));
}

#[tokio::test]
async fn a_case_that_can_not_be_used_leaves_nothing() {
    let scene = Scene::new().await;
    let alert = |identifier: &str, entity: &str| NewAlert {
        identifier: identifier.to_owned(),
        entities: vec![Entity::new(entity, EntityType::Domain)],
        ..NewAlert::default()
    };
    let with = |alerts| NewCase {
        alerts,
        ..titled("x")
    };
    for (bad, words) in [
        (titled("  "), "no title"),
        (with(vec![alert("a", "x.example"), alert("b", " ")]), "no name"),
        (
            with(vec![alert("a", "x.example"), alert("a", "y.example")]),
            "the identifier \"a\"",
        ),
        (with(vec![alert("a", &"x".repeat(20_000))]), "longer than"),
    ] {
        let error = scene.store.create_case(bad, "ann").await.unwrap_err();
        assert!(matches!(error, Error::Invalid(_)), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
    }
    let none = scene.store.cases(&CaseFilter::default()).await.unwrap();
    assert!(none.cases.is_empty());
}

#[tokio::test]
async fn cases_are_listed_newest_first_page_by_page_and_by_what_is_known_of_them() {
    let scene = Scene::new().await;
    let mut ids = Vec::new();
    for number in 0..7 {
        let new = NewCase {
            environment: if number % 2 == 0 { "A" } else { "B" }.to_owned(),
            ..titled(&format!("Case 100%_{number}"))
        };
        ids.push(scene.store.create_case(new, "ann").await.unwrap().id);
    }
    ids.reverse();
    let (mut listed, mut after) = (Vec::new(), None);
    loop {
        let filter = CaseFilter {
            after,
            limit: Some(3),
            ..CaseFilter::default()
        };
        let page = scene.store.cases(&filter).await.unwrap();
        assert!(page.cases.len() <= 3);
        listed.extend(page.cases.iter().map(|case| case.id));
        after = page.next;
        if after.is_none() {
            break;
        }
    }
    assert_eq!(listed, ids);

    let case = scene.case(&[("bad.example", EntityType::Domain)]).await;
    let found = async |filter: CaseFilter| {
        let page = scene.store.cases(&filter).await.unwrap();
        page.cases.into_iter().map(|case| case.id).collect::<Vec<_>>()
    };
    let text = |text: &str| CaseFilter {
        text: Some(text.to_owned()),
        ..CaseFilter::default()
    };
    assert_eq!(found(text("BAD.ex")).await, [case.id]);
    assert_eq!(found(text("100%_")).await.len(), 7, "signs stand for themselves");
    assert_eq!(found(text("0%0")).await.len(), 0);
    let environment = CaseFilter {
        environment: Some("B".to_owned()),
        ..CaseFilter::default()
    };
    assert_eq!(found(environment).await.len(), 3);
    scene.store.set_open(case.id, false, "ben").await.unwrap();
    let closed = CaseFilter {
        is_open: Some(false),
        ..CaseFilter::default()
    };
    assert_eq!(found(closed).await, [case.id]);
    let again = scene.store.set_open(case.id, false, "ben").await;
    assert!(matches!(again, Err(Error::Conflict(_))), "{again:?}");
    let bad = CaseFilter {
        after: Some("x".to_owned()),
        ..CaseFilter::default()
    };
    assert!(matches!(scene.store.cases(&bad).await, Err(Error::Invalid(_))));
}

#[tokio::test]
async fn a_comment_is_on_the_wall_and_an_entity_knows_the_other_cases_it_is_in() {
    let scene = Scene::new().await;
    let entities = [("bad.example", EntityType::Domain)];
    let (one, two) = (scene.case(&entities).await, scene.case(&entities).await);
    scene
        .store
        .comment(one.id, " <b>looked at</b> ", "ben")
        .await
        .unwrap();
    let wall = scene.store.wall(one.id, None, 10).await.unwrap();
    assert_eq!(wall[0].text, "<b>looked at</b>");
    assert!(scene.store.comment(one.id, " ", "ben").await.is_err());
    assert!(matches!(
        scene.store.comment(999, "x", "ben").await,
        Err(Error::NotFound { .. })
    ));
    let entity = &scene.store.entities(one.id, 0, 10).await.unwrap()[0];
    assert_eq!(scene.store.related_cases(entity, 10).await.unwrap(), [two.id]);
}

#[tokio::test]
async fn many_write_at_once_and_none_is_lost() {
    let scene = Scene::new().await;
    let case = scene.case(&[]).await;
    let mut all = tokio::task::JoinSet::new();
    for number in 0..60 {
        let (store, id) = (scene.store.clone(), case.id);
        all.spawn(async move {
            match number % 3 {
                0 => drop(
                    store
                        .create_case(titled(&format!("{number}")), "ann")
                        .await
                        .unwrap(),
                ),
                1 => store
                    .comment(id, &format!("comment {number}"), "ben")
                    .await
                    .unwrap(),
                _ => drop(store.cases(&CaseFilter::default()).await.unwrap()),
            }
        });
    }
    while let Some(done) = all.join_next().await {
        done.unwrap();
    }
    assert_eq!(scene.store.wall(case.id, None, 100).await.unwrap().len(), 21);
    let filter = CaseFilter {
        limit: Some(200),
        ..CaseFilter::default()
    };
    assert_eq!(scene.store.cases(&filter).await.unwrap().cases.len(), 21);
}

#[tokio::test]
async fn a_character_that_not_every_database_knows_loses_nothing_else() {
    let scene = Scene::new().await;
    let case = scene.case(&[("bad\0.example", EntityType::Hostname)]).await;
    scene.store.comment(case.id, "a\0b", "ann").await.unwrap();
    let wall = scene.store.wall(case.id, None, 10).await.unwrap();
    assert_eq!(wall[0].text, "a\u{2400}b");
    let entities = scene.store.entities(case.id, 0, 10).await.unwrap();
    assert_eq!(entities[0].entity.identifier, "BAD\u{2400}.EXAMPLE");
    let filter = CaseFilter {
        text: Some("bad\0".to_owned()),
        ..CaseFilter::default()
    };
    assert_eq!(scene.store.cases(&filter).await.unwrap().cases.len(), 1);
}
