//! Add Comment and Add Vote: what everybody can read on VirusTotal afterwards.

use secops::{ActionResult, ParameterError};
use virustotal::{Error, Noted, ObjectId, Vote};

use super::told::{Ending, Told};
use super::{Action, Run};
use crate::definition::{COMMENT, VOTE};
use crate::lookup::Outcome;
use crate::render;
use crate::render::message::Words;

pub(super) async fn comment(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let text = run.context.parameters.required_text(COMMENT)?;
    let add = async |object: &ObjectId| run.client.add_comment(object, &text, run.deadline).await;
    let there = "the same comment was there before; nothing was added";
    Ok(write(
        run,
        Action::AddComment,
        &render::message::COMMENT_WORDS,
        there,
        add,
    )
    .await)
}

pub(super) async fn vote(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let words = Vote::ALL.map(Vote::name);
    let word = run.context.parameters.one_of(VOTE, &words)?;
    let vote = Vote::ALL.into_iter().find(|vote| Some(vote.name()) == word);
    let vote = vote.ok_or(ParameterError::Missing { name: VOTE })?;
    let add = async |object: &ObjectId| run.client.add_vote(object, vote, run.deadline).await;
    let there = "the key's owner has voted before, so or otherwise; nothing was changed";
    Ok(write(run, Action::AddVote, &render::message::VOTE_WORDS, there, add).await)
}

/// One after the other: whoever stops the run knows what was written. `there` is said where it was there before.
async fn write(
    run: Run<'_>,
    action: Action,
    words: &'static Words,
    there: &str,
    add: impl AsyncFn(&ObjectId) -> Result<Noted, Error>,
) -> ActionResult {
    let plan = action.plan(run.context);
    let mut told = Vec::new();
    for group in &plan.groups {
        told.push(match add(&group.object).await {
            Ok(Noted::Added) => Ok(Told::default()),
            Ok(Noted::AlreadyThere) => Ok(Told {
                remark: Some(there.to_owned()),
                ..Told::default()
            }),
            Ok(Noted::Unsure(why)) => Err(Outcome::Failed(format!(
                "{why}; it may be there all the same: look before it is sent again"
            ))),
            Err(Error::Missing) => Err(Outcome::Missing),
            Err(error) => Err(Outcome::failed(&error)),
        });
    }
    Ending {
        action,
        words,
        run,
        plan: &plan,
        told,
    }
    .conclude()
}
