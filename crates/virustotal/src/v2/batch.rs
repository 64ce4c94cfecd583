//! Many resources in few calls.
//!
//! A server may answer fewer than it was asked (a public key given as a private one), in another order, or with
//! a single object: answers are matched by `resource`, and what is left is asked again in smaller calls. A call
//! that fails is split, so that one resource the server chokes on doesn't take the others with it.

use std::collections::HashMap;

use super::answer::Element;
use crate::transport::{Endpoint, Errand, Payload, Transport};
use crate::{Error, Trouble};

/// What stands between two resources.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Separator {
    Comma,
    /// Commas occur in URLs.
    LineFeed,
}

impl Separator {
    fn as_str(self) -> &'static str {
        match self {
            Self::Comma => ",",
            Self::LineFeed => "\n",
        }
    }
}

/// One kind of question.
#[derive(Clone, Copy)]
pub(crate) struct Batch<'a> {
    pub(crate) endpoint: &'a Endpoint,
    /// Name of the parameter that carries the resources.
    pub(crate) parameter: &'static str,
    pub(crate) separator: Separator,
    /// Parameters that are the same for every call.
    pub(crate) always: &'a [(&'static str, &'static str)],
}

/// Failures in a row after which a failed call is not split any more: then everything fails.
const HOPELESS: u32 = 8;

type Answers = Vec<Option<Result<Element, Error>>>;

/// Asks for all `resources`, which fit one batch; one answer each, in their order.
pub(crate) async fn look_up(
    errand: &Errand<'_>,
    batch: Batch<'_>,
    resources: &[String],
) -> Vec<Result<Element, Error>> {
    let mut answers: Answers = resources.iter().map(|_| None).collect();
    let mut work = vec![Part {
        members: (0..resources.len()).collect(),
        attempts: None,
    }];
    while let Some(part) = work.pop() {
        let asked: Vec<&str> = part
            .members
            .iter()
            .filter_map(|member| resources.get(*member))
            .map(String::as_str)
            .collect();
        match ask(errand, batch, &asked, part.attempts).await {
            Ok(elements) => {
                errand.transport.answered_of(elements.len(), asked.len());
                work.extend(part.settle(&asked, elements, &mut answers));
            }
            Err(error)
                if !errand.may_have_arrived(&error) && part.worth_splitting(&error, errand.transport) =>
            {
                work.extend(part.halves());
            }
            Err(error) => part
                .members
                .iter()
                .for_each(|member| set(&mut answers, *member, Err(error.clone()))),
        }
    }
    answers
        .into_iter()
        .map(|answer| answer.unwrap_or_else(|| Err(foreign_answer())))
        .collect()
}

async fn ask(
    errand: &Errand<'_>,
    batch: Batch<'_>,
    asked: &[&str],
    attempts: Option<u32>,
) -> Result<Vec<Element>, Error> {
    let mut parameters: Vec<_> = batch
        .always
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect();
    parameters.push((batch.parameter, asked.join(batch.separator.as_str())));
    let payload = Payload::Parameters(parameters);
    errand
        .ask(batch.endpoint, &payload, attempts, |answered| {
            Element::read_all(&answered.body)
        })
        .await
}

/// Some of a batch's resources, by their index.
struct Part {
    members: Vec<usize>,
    /// Bound on the calls for this part; `None` is the policy's.
    attempts: Option<u32>,
}

impl Part {
    /// Hands the elements out; what got none comes back as smaller parts.
    fn settle(&self, asked: &[&str], elements: Vec<Element>, answers: &mut Answers) -> Vec<Part> {
        if let [only] = self.members[..] {
            // Asked alone, so the answer is its own, however the server spells the resource.
            let answer = elements.into_iter().next().ok_or_else(foreign_answer);
            set(answers, only, answer);
            return Vec::new();
        }
        let by_name: HashMap<String, usize> = asked
            .iter()
            .zip(&self.members)
            .map(|(name, member)| (name.to_lowercase(), *member))
            .collect();
        let complete = elements.len() == self.members.len();
        let mut left: Vec<usize> = self.members.clone();
        for (position, element) in elements.into_iter().enumerate() {
            let named = element
                .names()
                .find_map(|name| by_name.get(&name.to_lowercase()).copied());
            // A complete answer in which a name is missing is in the order of the question.
            let member = named.or_else(|| self.members.get(position).copied().filter(|_| complete));
            if let Some(member) = member.filter(|member| left.contains(member)) {
                left.retain(|other| *other != member);
                set(answers, member, Ok(element));
            }
        }
        let answered = self.members.len() - left.len();
        left.chunks(answered.max(1))
            .map(|members| Part {
                members: members.to_vec(),
                attempts: self.attempts,
            })
            .collect()
    }

    fn worth_splitting(&self, error: &Error, transport: &Transport) -> bool {
        let may_help = match error {
            Error::InvalidArgument { .. } => true,
            Error::Transient { trouble, .. } => trouble.may_be_one_resource(),
            _ => false,
        };
        may_help && self.members.len() > 1 && transport.failures_in_a_row() < HOPELESS
    }

    /// Two parts that are tried only once each, unless they hold a single resource.
    fn halves(&self) -> [Part; 2] {
        let (first, second) = self.members.split_at(self.members.len() / 2);
        [first, second].map(|members| Part {
            members: members.to_vec(),
            attempts: (members.len() > 1).then_some(1),
        })
    }
}

fn set(answers: &mut Answers, member: usize, answer: Result<Element, Error>) {
    if let Some(place) = answers.get_mut(member) {
        *place = Some(answer);
    }
}

fn foreign_answer() -> Error {
    let trouble = Trouble::Body("it does not name what was asked for".to_owned());
    Error::Transient { trouble, attempts: 1 }
}

/// What one answer to a batch comes to: the answers found in it, and the members of the calls that are to follow.
#[cfg(feature = "fuzzing")]
pub(crate) fn settled(asked: &[&str], elements: Vec<Element>) -> (Vec<Option<Element>>, Vec<Vec<usize>>) {
    let mut answers: Answers = asked.iter().map(|_| None).collect();
    let part = Part {
        members: (0..asked.len()).collect(),
        attempts: None,
    };
    let left = part.settle(asked, elements, &mut answers);
    let answers = answers.into_iter().map(|answer| answer?.ok());
    (
        answers.collect(),
        left.into_iter().map(|part| part.members).collect(),
    )
}
