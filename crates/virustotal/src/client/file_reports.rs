//! Reports on many hashes in the fewest calls.
//!
//! Only a report tells which MD5, SHA-1 and SHA-256 belong to one file. So SHA-256 go first, and what their
//! reports name is not asked again: a list that names every file twice costs no more than one that names it once.

use std::collections::HashMap;

use super::memory::{Question, complete};
use super::{Answer, Client, FILE_REPORTS};
use crate::report::FileReport;
use crate::{Error, FileHash, Report};

type Known = HashMap<FileHash, Result<Answer, Error>>;

pub(super) async fn look_up(
    client: &Client,
    question: &Question<'_>,
    hashes: &[FileHash],
) -> Vec<Result<Answer, Error>> {
    let mut known = Known::new();
    let mut asked = 0;
    let mut waves = by_kind(hashes).into_iter().peekable();
    let mut carry: Vec<FileHash> = Vec::new();
    while let Some(kind) = waves.next() {
        let mut wave = carry;
        wave.extend(kind);
        wave.retain(|hash| !known.contains_key(hash));
        if wave.len() > client.batch_size() && waves_mix(&wave) {
            // The leftover of the stronger kind may name some of this one: ask it first.
            let rest = wave.split_off(client.batch_size());
            asked += wave.len();
            ask(client, question, &wave, &mut known).await;
            wave = rest;
            wave.retain(|hash| !known.contains_key(hash));
        }
        // A batch that is not full waits for the next kind, if there is one.
        let full = wave.len() - wave.len() % client.batch_size();
        carry = match waves.peek() {
            Some(_) => wave.split_off(full),
            None => Vec::new(),
        };
        asked += wave.len();
        ask(client, question, &wave, &mut known).await;
    }
    // What was answered by another hash of its file took no question of its own.
    client.count(hashes.len().saturating_sub(asked));
    complete(hashes.iter().map(|hash| known.get(hash).cloned()).collect())
}

/// The distinct hashes, strongest kind first, in the order given.
fn by_kind(hashes: &[FileHash]) -> Vec<Vec<FileHash>> {
    let mut distinct = hashes.to_vec();
    distinct.sort_by_key(FileHash::kind);
    let mut seen = std::collections::HashSet::new();
    distinct.retain(|hash| seen.insert(hash.clone()));
    distinct
        .chunk_by(|a, b| a.kind() == b.kind())
        .map(<[FileHash]>::to_vec)
        .collect()
}

fn waves_mix(wave: &[FileHash]) -> bool {
    wave.first().map(FileHash::kind) != wave.last().map(FileHash::kind)
}

async fn ask(client: &Client, question: &Question<'_>, wave: &[FileHash], known: &mut Known) {
    let resources: Vec<String> = wave.iter().map(|hash| hash.as_str().to_owned()).collect();
    let answers = client
        .reports(question, FILE_REPORTS, &resources, &resources)
        .await;
    for (hash, answer) in wave.iter().zip(answers) {
        if let Ok(Answer::Found(report)) = &answer {
            for other in other_hashes(report) {
                known.entry(other).or_insert_with(|| answer.clone());
            }
        }
        known.insert(hash.clone(), answer);
    }
}

fn other_hashes(report: &Report) -> impl Iterator<Item = FileHash> {
    FileReport::hashes(report)
        .into_iter()
        .flatten()
        .filter_map(|text| FileHash::parse(&text).ok())
}
