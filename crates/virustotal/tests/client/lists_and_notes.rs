//! What is related, what a search finds, and what is written for others to read: API v3 alone has them.

use std::time::Duration;

use simulator::{Fault, KeyKind, Running, Simulator, synthetic_file};
use virustotal::{
    ApiKey, Client, Deadline, DomainName, Error, FileHash, Noted, ObjectId, ProxyChoice, Settings, Vote,
};

const KEY: &str = "0123456789abcdef-of-lists-and-notes";

async fn serve(kind: KeyKind) -> Running {
    Simulator::builder().key(KEY, kind).start().await.unwrap()
}

/// It asks API v2 for reports; these questions go to API v3 all the same.
fn client(running: &Running) -> Client {
    let mut settings = Settings::new(ApiKey::parse(KEY).unwrap());
    settings.base_url = running.base_url();
    settings.proxy = ProxyChoice::Direct;
    Client::new(settings).unwrap()
}

fn deadline() -> Deadline {
    Deadline::after(Duration::from_secs(30))
}

fn domain(name: &str) -> ObjectId {
    ObjectId::Domain(DomainName::parse(name).unwrap())
}

fn file() -> ObjectId {
    ObjectId::File(FileHash::parse(&synthetic_file(1).sha256).unwrap())
}

#[tokio::test]
async fn a_list_ends_where_it_was_told_to_and_says_whether_there_is_more() {
    let running = serve(KeyKind::Public).await;
    for (most, listed, calls, has_more) in [
        (5, 5, 1, true),
        (40, 40, 1, true),
        (89, 89, 3, true),
        (500, 90, 3, false),
    ] {
        running.clear_calls();
        let listing = client(&running)
            .related(&domain("many-90.example"), "subdomains", most, &deadline())
            .await
            .unwrap();
        assert_eq!(
            (listing.objects.len(), listing.has_more),
            (listed, has_more),
            "{most}"
        );
        assert_eq!(running.calls().len(), calls, "{most}");
        assert!(
            listing
                .objects
                .iter()
                .all(|object| object.kind == "domain" && object.name.contains('.'))
        );
    }
}

#[tokio::test]
async fn what_a_list_can_not_tell_is_told_apart() {
    let running = serve(KeyKind::Public).await;
    let client = client(&running);
    let ask = async |object: &ObjectId, name| client.related(object, name, 10, &deadline()).await.map(drop);
    assert!(matches!(
        ask(&domain("a.example"), "urls").await,
        Err(Error::Forbidden { .. })
    ));
    assert!(matches!(
        ask(&domain("a.example"), "no_such").await,
        Err(Error::InvalidArgument { .. } | Error::Missing)
    ));
    assert_eq!(
        ask(&domain("unknown.example"), "subdomains").await,
        Err(Error::Missing)
    );
    assert!(matches!(
        client.search("tag:peexe", 10, &deadline()).await,
        Err(Error::Forbidden { .. })
    ));
}

#[tokio::test]
async fn a_search_finds_objects_with_their_engines() {
    let running = serve(KeyKind::Private).await;
    let found = client(&running)
        .search("positives:1+", 45, &deadline())
        .await
        .unwrap();
    assert!(!found.objects.is_empty());
    for object in &found.objects {
        assert_eq!((object.kind.as_str(), object.name.len()), ("file", 64));
        assert!(object.engines.unwrap().0 >= 1);
    }
    assert!(matches!(
        client(&running)
            .search("no_such_modifier:1", 1, &deadline())
            .await,
        Err(Error::InvalidArgument { .. })
    ));
}

#[tokio::test]
async fn a_comment_and_a_vote_are_there_once() {
    let running = serve(KeyKind::Public).await;
    let client = client(&running);
    let say = async || client.add_comment(&file(), "Seen in #case42", &deadline()).await;
    assert_eq!(say().await, Ok(Noted::Added));
    assert_eq!(say().await, Ok(Noted::AlreadyThere));
    let vote = async |vote| client.add_vote(&file(), vote, &deadline()).await;
    assert_eq!(vote(Vote::Malicious).await, Ok(Noted::Added));
    assert_eq!(vote(Vote::Harmless).await, Ok(Noted::AlreadyThere));
    let comments = client
        .related(&file(), "comments", 10, &deadline())
        .await
        .unwrap();
    assert_eq!(comments.objects.len(), 1);
    assert!(comments.objects[0].object.get().contains("Seen in #case42"));
}

#[tokio::test]
async fn what_may_have_arrived_is_not_written_twice() {
    let running = serve(KeyKind::Public).await;
    running.add_fault("truncated@v3/comments".parse::<Fault>().unwrap().times(1));
    let said = client(&running)
        .add_comment(&file(), "once", &deadline())
        .await
        .unwrap();
    assert!(matches!(said, Noted::Unsure(_)), "{said:?}");
    assert_eq!(running.calls().len(), 1);

    // What did not arrive for sure is sent again.
    running.clear_calls();
    running.add_fault("503@v3/votes".parse::<Fault>().unwrap().times(1));
    let voted = client(&running)
        .add_vote(&file(), Vote::Malicious, &deadline())
        .await;
    assert_eq!(voted, Ok(Noted::Added));
    assert_eq!(running.calls().len(), 2);
}
