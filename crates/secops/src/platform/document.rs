//! The result document: the one JSON object on standard output.

use std::collections::HashSet;
use std::io::{self, Write};
use std::sync::Arc;

use serde::ser::{Serialize, SerializeMap, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::csv;
use super::escape::{Count, Inside, write_json};
use super::input::Targets;
use crate::{ActionResult, ExecutionState, JsonItem, JsonResult, Rows};

/// The title and key of the JSON result.
const JSON_RESULT: &str = "JsonResult";
/// Characters in one of the platform's megabytes.
const MEGABYTE: u64 = 1024 * 1024;

/// What the platform gets of one run.
pub(super) struct Document<'a> {
    message: String,
    /// None where the run is not over.
    objects: Objects<'a>,
    value: Value,
    state: ExecutionState,
}

impl<'a> Document<'a> {
    /// Of a finished run. What the platform would not take is left out by whole entities, and the message says so.
    pub(super) fn of(result: &'a ActionResult, targets: &Targets, most_megabytes: u64) -> Self {
        let mut objects = Objects::of(result, targets);
        let notes = objects.fit(most_megabytes.saturating_mul(MEGABYTE), most_megabytes);
        let mut message = result.output_message.clone();
        for note in notes {
            message.push_str("\n\n");
            message.push_str(&note);
        }
        Self {
            message,
            objects,
            value: result.script_result.platform_value(),
            state: result.state,
        }
    }

    /// Of a run that goes on later from `state`.
    pub(super) fn waiting(message: &str, state: &Value) -> Self {
        Self {
            message: message.to_owned(),
            objects: Objects::default(),
            value: Value::from(state.to_string()),
            state: ExecutionState::InProgress,
        }
    }

    /// Writes it, without a line break at the end.
    pub(super) fn write(&self, mut out: impl Write, debug_output: &str) -> io::Result<()> {
        write!(out, "{{\"Message\":")?;
        write_json(&mut out, &self.message)?;
        write!(out, ",\"ResultObjectJson\":\"")?;
        self.objects.write(Inside(&mut out))?;
        write!(out, "\",\"ResultValue\":")?;
        write_json(&mut out, &self.value)?;
        write!(out, ",\"DebugOutput\":")?;
        write_json(&mut out, debug_output)?;
        write!(out, ",\"ExecutionState\":{}}}", self.state.code())?;
        out.flush()
    }
}

/// Tables, links and the JSON result.
#[derive(Default)]
struct Objects<'a> {
    members: Vec<Member<'a>>,
    json: Option<(Form, Vec<&'a JsonItem>)>,
    /// Whether the platform sent types: then its keys have them too.
    typed: bool,
}

#[derive(Clone, Copy)]
enum Form {
    List,
    Object,
}

/// What stands under one title.
struct Member<'a> {
    title: &'a str,
    is_for_entity: bool,
    rows: Option<&'a Rows>,
    links: Vec<&'a str>,
}

impl<'a> Objects<'a> {
    fn of(result: &'a ActionResult, targets: &Targets) -> Self {
        let identifiers = targets.identifiers();
        let entities: HashSet<&str> = result
            .entities
            .iter()
            .filter(|entity| entity.is_target)
            .map(|entity| entity.entity.identifier.as_str())
            .collect();
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut places = std::collections::HashMap::new();
        let mut place = |members: &mut Vec<Member<'a>>, title: &'a str| {
            *places.entry(title).or_insert_with(|| {
                members.push(Member {
                    title,
                    is_for_entity: identifiers.contains(title) || entities.contains(title),
                    rows: None,
                    links: Vec::new(),
                });
                members.len() - 1
            })
        };
        for table in &result.tables {
            let at = place(&mut members, &table.title);
            if let Some(member) = members.get_mut(at) {
                member.rows = Some(&table.rows);
            }
        }
        for link in &result.links {
            let at = place(&mut members, &link.title);
            if let Some(member) = members.get_mut(at) {
                member.links.push(&link.url);
            }
        }
        let typed = matches!(targets, Targets::Typed(_));
        // Without types, nothing but the JSON result may have its key.
        members.retain(|member| typed || member.title != JSON_RESULT);
        let json = match &result.json_result {
            JsonResult::None => None,
            JsonResult::List(items) => Some((Form::List, items.iter().collect())),
            JsonResult::Object(items) => Some((Form::Object, items.iter().collect())),
        };
        Self { members, json, typed }
    }

    /// Leaves out what is too much: first tables and links, then reports, those of risky entities last. Gives a sentence for
    /// each kind that is not whole.
    fn fit(&mut self, most: u64, megabytes: u64) -> Vec<String> {
        // Brackets, and what stands around the reports.
        const AROUND: u64 = 512;
        let mut room = most.saturating_sub(AROUND);
        let mut notes = Vec::new();
        if let Some((form, items)) = &mut self.json {
            let all = items.len();
            let sizes: Vec<u64> = items.iter().map(|item| item_size(*form, item)).collect();
            let kept = choose(
                &sizes,
                |at| items.get(at).is_some_and(|item| item.risky),
                &mut room,
            );
            let mut at = 0;
            items.retain(|_| {
                at += 1;
                kept.contains(&(at - 1))
            });
            if kept.len() < all {
                notes.push(format!(
                    "The JSON result holds {} of {all} reports, those of risky entities first: the platform takes {megabytes} MB. \
                     Enrichment and insights are complete.",
                    kept.len()
                ));
            }
        }
        let all = self.members.len();
        let sizes: Vec<u64> = self
            .members
            .iter()
            .map(|member| self.member_size(member))
            .collect();
        let kept = choose(&sizes, |_| false, &mut room);
        let mut at = 0;
        self.members.retain(|_| {
            at += 1;
            kept.contains(&(at - 1))
        });
        if kept.len() < all {
            notes.push(format!(
                "Tables and links of {} of {all} titles were left out: the platform takes {megabytes} MB.",
                all - kept.len()
            ));
        }
        notes
    }

    fn member_size(&self, member: &Member<'_>) -> u64 {
        let mut count = Count::default();
        // Counting can't fail.
        let _ = self.write_member(&mut count, member);
        count.0 + 1
    }

    fn write(&self, mut out: impl Write) -> io::Result<()> {
        out.write_all(b"{")?;
        let mut separator: &[u8] = b"";
        for member in &self.members {
            out.write_all(separator)?;
            self.write_member(&mut out, member)?;
            separator = b",";
        }
        if let Some((form, items)) = &self.json {
            out.write_all(separator)?;
            let member = Member {
                title: JSON_RESULT,
                is_for_entity: false,
                rows: None,
                links: Vec::new(),
            };
            write!(out, "\"{JSON_RESULT}\":{{")?;
            self.write_head(&mut out, &member)?;
            write!(out, "\"RawJson\":\"")?;
            write_json(Inside(&mut out), &Items(*form, items))?;
            write!(out, "\",\"CSVLines\":\"\",")?;
            write_tail(&mut out, &member)?;
        }
        out.write_all(b"}")
    }

    fn write_member(&self, out: &mut impl Write, member: &Member<'_>) -> io::Result<()> {
        let key = match self.typed {
            // No title has a type here, and this is how the platform's SDK writes that.
            true => format!("{}_None", member.title),
            false => member.title.to_owned(),
        };
        write_json(&mut *out, &key)?;
        out.write_all(b":{")?;
        self.write_head(&mut *out, member)?;
        write!(out, "\"RawJson\":\"\",\"CSVLines\":")?;
        match member.rows {
            Some(rows) => write_json(&mut *out, &csv::lines(rows))?,
            None => write_json(&mut *out, "")?,
        }
        out.write_all(b",")?;
        write_tail(out, member)
    }

    fn write_head(&self, out: &mut impl Write, member: &Member<'_>) -> io::Result<()> {
        write!(out, "\"Title\":")?;
        write_json(&mut *out, member.title)?;
        if self.typed {
            write!(out, ",\"Type\":null")?;
        }
        write!(out, ",\"IsForEntity\":{},\"Content\":\"\",", member.is_for_entity)
    }
}

fn write_tail(out: &mut impl Write, member: &Member<'_>) -> io::Result<()> {
    write!(out, "\"Attachments\":{{}},\"Htmls\":{{}},\"Markdowns\":{{}}")?;
    if !member.links.is_empty() {
        write!(out, ",\"Links\":")?;
        write_json(&mut *out, &member.links)?;
    }
    out.write_all(b"}")
}

/// Which of the items fit, the important ones first; takes their sizes off the room.
fn choose(sizes: &[u64], is_important: impl Fn(usize) -> bool, room: &mut u64) -> HashSet<usize> {
    let (important, rest): (Vec<usize>, Vec<usize>) = (0..sizes.len()).partition(|at| is_important(*at));
    let mut kept = HashSet::new();
    for at in important.into_iter().chain(rest) {
        let size = sizes.get(at).copied().unwrap_or(u64::MAX);
        if let Some(left) = room.checked_sub(size) {
            *room = left;
            kept.insert(at);
        }
    }
    kept
}

/// Characters that an item takes inside the result object, separator included.
fn item_size(form: Form, item: &JsonItem) -> u64 {
    let mut count = Count::default();
    let _ = write_json(Inside(&mut count), &Items(form, &[item]));
    count.0
}

/// Some of the JSON result's items, in its form.
struct Items<'a>(Form, &'a [&'a JsonItem]);

impl Serialize for Items<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Form::List => serializer.collect_seq(self.1.iter().map(|item| item.in_list())),
            Form::Object => {
                let mut map = serializer.serialize_map(Some(self.1.len()))?;
                for item in self.1 {
                    let report: &Arc<RawValue> = &item.report;
                    map.serialize_entry(&item.name, report.as_ref())?;
                }
                map.end()
            }
        }
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
mod tests;
