//! What only API v3 has: lists, comments and votes.

use secops::EntityType::{Domain, FileHash};
use secops::OutcomeKind::{Failed, Found, Missing, Skipped};
use secops::{ExecutionState, Parameters};
use simulator::{Fault, KeyKind, synthetic_file, unknown_file};
use virustotal::Tier;

use crate::common::{client, context, entities, outcomes, run, simulator};
use integration::Action;

fn parameters(name: &str, value: &str) -> Parameters {
    Parameters::new().with(name, value)
}

#[tokio::test]
async fn a_relationship_that_can_not_be_shown_does_not_hide_the_others() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let hash = synthetic_file(1).sha256;
    let context = context(
        [entities(&Domain, &["a.example"]), entities(&FileHash, &[&hash])].concat(),
        parameters("Relationships", "resolutions, urls"),
    );
    let result = run(
        Action::GetRelationships,
        &client(&running, Tier::Public),
        &context,
    )
    .await;
    assert_eq!(outcomes(&result), [Found, Failed]);
    let remark = result.entities[0].remark.clone().unwrap();
    assert!(remark.contains("urls: the API key is not shown it"), "{remark}");
    let remark = result.entities[1].remark.clone().unwrap();
    assert!(remark.contains("a file has no such relationship"), "{remark}");
    assert_eq!(result.state, ExecutionState::Completed);
}

#[tokio::test]
async fn a_relationship_that_nobody_knows_does_not_make_the_object_unknown() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let targets = entities(&Domain, &["a.example", "unknown.example"]);
    let asked = async |names| {
        let context = context(targets.clone(), parameters("Relationships", names));
        outcomes(
            &run(
                Action::GetRelationships,
                &client(&running, Tier::Public),
                &context,
            )
            .await,
        )
    };
    assert_eq!(asked("nonsense").await, [Failed, Failed]);
    assert_eq!(asked("nonsense, subdomains").await, [Found, Missing]);
}

#[tokio::test]
async fn a_comment_that_may_have_arrived_is_told_and_not_repeated() {
    let running = simulator(KeyKind::Public)
        .fault("truncated@v3/comments".parse::<Fault>().unwrap().times(1))
        .start()
        .await
        .unwrap();
    let (known, unknown) = (synthetic_file(1).sha256, unknown_file(1).sha256);
    let context = context(
        entities(&FileHash, &[&known, &unknown]),
        parameters("Comment", "said"),
    );
    let client = client(&running, Tier::Public);
    let result = run(Action::AddComment, &client, &context).await;
    assert_eq!(outcomes(&result), [Failed, Missing]);
    let remark = result.entities[0].remark.clone().unwrap();
    assert!(remark.contains("may be there all the same"), "{remark}");
    assert_eq!(running.calls().len(), 2);
    // Whoever looked, and sends it again, is told what is there.
    let again = run(Action::AddComment, &client, &context).await;
    assert_eq!(outcomes(&again), [Found, Missing]);
}

#[tokio::test]
async fn nothing_is_written_where_a_parameter_can_not_be_used() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let client = client(&running, Tier::Public);
    for (action, name, value) in [
        (Action::AddVote, "Vote", "perhaps"),
        (Action::AddVote, "Vote", ""),
        (Action::AddComment, "Comment", " "),
        (Action::GetRelationships, "Relationships", "../files"),
        (Action::DownloadFile, "Folder", ""),
        (Action::DownloadFile, "Folder", "/no/such/folder"),
        (Action::Search, "Query", ""),
    ] {
        let context = context(entities(&Domain, &["a.example"]), parameters(name, value));
        let result = run(action, &client, &context).await;
        assert_eq!(result.state, ExecutionState::Failed, "{action:?}");
        assert!(result.output_message.contains(name), "{}", result.output_message);
    }
    assert!(running.calls().is_empty());
}

#[tokio::test]
async fn a_search_says_what_it_needs() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let context = context(Vec::new(), parameters("Query", "tag:peexe"));
    let result = run(Action::Search, &client(&running, Tier::Public), &context).await;
    assert_eq!(result.state, ExecutionState::Failed);
    assert!(
        result.output_message.contains("premium"),
        "{}",
        result.output_message
    );
}

#[tokio::test]
async fn files_are_downloaded_each_by_itself_and_none_twice() {
    let running = simulator(KeyKind::Private).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (known, other, unknown) = (
        synthetic_file(1).sha256,
        synthetic_file(2).md5,
        unknown_file(1).sha256,
    );
    let context = context(
        entities(&FileHash, &[&known, &unknown, &other, "nonsense"]),
        parameters("Folder", folder.path().to_str().unwrap()),
    );
    let client = client(&running, Tier::Private);
    let result = run(Action::DownloadFile, &client, &context).await;
    assert_eq!(outcomes(&result), [Found, Missing, Found, Skipped]);
    assert_eq!(result.state, ExecutionState::Completed);
    for hash in [&known, &other] {
        assert!(folder.path().join(format!("{hash}.zip")).is_file(), "{hash}");
    }
    let calls = running.calls().len();
    let again = run(Action::DownloadFile, &client, &context).await;
    assert_eq!(outcomes(&again), [Found, Missing, Found, Skipped]);
    let remark = again.entities[0].remark.clone().unwrap();
    assert!(remark.contains("it is there already"), "{remark}");
    // Only the unknown one is asked for again.
    assert_eq!(running.calls().len(), calls + 2);
}

#[tokio::test]
async fn a_public_key_is_told_what_a_download_needs() {
    let running = simulator(KeyKind::Public).start().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let context = context(
        entities(&FileHash, &[&synthetic_file(1).sha256]),
        parameters("Folder", folder.path().to_str().unwrap()),
    );
    let result = run(Action::DownloadFile, &client(&running, Tier::Public), &context).await;
    assert_eq!(
        (outcomes(&result), result.state),
        (vec![Failed], ExecutionState::Failed)
    );
    assert!(
        result.output_message.contains("premium"),
        "{}",
        result.output_message
    );
    assert_eq!(folder.path().read_dir().unwrap().count(), 0);
}
