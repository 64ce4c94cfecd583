//! From outcomes to the result of a run, pure: judge, then render.

use std::collections::HashSet;

use jiff::Timestamp;
use secops::{
    ActionResult, Context, Entity, EntityResult, EntityType, ExecutionState, Insight, JsonItem, JsonResult,
    Link, OutcomeKind, Rows, ScriptResult, Table,
};
use serde_json::Map;
use virustotal::{ObjectId, Report, Stop};

use crate::definition::Definition;
use crate::facts::Facts;
use crate::lookup::{Origin, Outcome};
use crate::plan::Plan;
use crate::render::insight;
use crate::render::message::{Tally, Words, with_reason};
use crate::verdict::{Policy, PolicyKind, Rule};
use crate::{Verdict, enrichment};

/// What the parameters say about rendering.
pub(crate) struct Style<'a> {
    /// Absent for an action that judges nothing.
    pub(crate) rule: Option<Rule>,
    /// Where the rule is from, if it is a policy's.
    pub(crate) policy: Option<(&'a Policy, PolicyKind)>,
    /// The moment of the run: reports have an age.
    pub(crate) now: Timestamp,
    /// Whether insights are wanted.
    pub(crate) insights: bool,
    pub(crate) prefix: String,
    /// How the run ended if analyses are under way or entities were not reached.
    pub(crate) unfinished: ExecutionState,
}

/// A verdict, and what there is to tell of it.
pub(crate) struct Judged {
    pub(crate) verdict: Verdict,
    /// Where a policy is in use.
    pub(crate) explanation: Option<String>,
}

/// Everything that is known at the end of a run on entities.
pub(crate) struct Ending<'a> {
    pub(crate) definition: &'static Definition,
    pub(crate) words: &'static Words,
    pub(crate) context: &'a Context,
    pub(crate) plan: &'a Plan,
    /// One for each group.
    pub(crate) outcomes: Vec<Outcome>,
    /// One for each group; empty where none were asked for.
    pub(crate) comments: Vec<Option<Rows>>,
    pub(crate) facts: fn(&ObjectId, &Report) -> Facts,
    pub(crate) style: Style<'a>,
    pub(crate) notices: Vec<String>,
}

/// What an address's verdict is about, where that is not what was found on it.
const BY_LISTING: &str = "Addresses were judged by the engines that list them: what was found on them takes further calls of API v3, \
                          which the setting `related` = full makes.";

/// What an address's verdict lacks.
const LOWER_BOUND: &str = "Of some addresses API v3 did not tell everything that was found on them (URLs and downloaded files need a premium \
                           key there): they may be worse than the numbers say.";

/// The parts of a result, as they gather.
#[derive(Default)]
pub(crate) struct Parts {
    pub(crate) entities: Vec<(usize, EntityResult)>,
    pub(crate) tally: Tally,
    /// Some verdict was risky, whether an entity stands for it or not.
    pub(crate) risky: bool,
    pub(crate) tables: Vec<(usize, Table)>,
    pub(crate) links: Vec<(usize, Link)>,
    pub(crate) insights: Vec<(usize, Insight)>,
    pub(crate) reports: Vec<(usize, JsonItem)>,
    /// Names of engines that the reports have, in lower case; only where it matters.
    engines: HashSet<String>,
    /// Some address was judged by the engines that list it.
    by_listing: bool,
    /// Some address may be worse than it looks.
    lower_bound: bool,
    /// What the policy gives no verdict on, with the reason.
    undecided: Vec<String>,
}

impl Ending<'_> {
    pub(crate) fn conclude(self) -> ActionResult {
        let mut parts = Parts::default();
        for (index, (group, outcome)) in self.plan.groups.iter().zip(&self.outcomes).enumerate() {
            let facts = outcome.report().map(|report| (self.facts)(&group.object, report));
            let judged = facts.as_ref().and_then(|facts| self.style.judge(facts));
            let judged = judged.as_ref();
            parts.meet(facts.as_ref(), &self.style);
            let comments = self.comments.get(index).and_then(Option::as_ref);
            for &member in &group.members {
                let Some(entity) = self.context.targets.get(member) else {
                    continue;
                };
                parts.tally.count(entity.original_identifier(), outcome);
                parts.doubt(entity.original_identifier(), judged);
                parts.add(member, entity, outcome, facts.as_ref(), judged, &self.style);
                if let (Some(facts), Some(report)) = (&facts, outcome.report()) {
                    parts.report(member, &entity.identifier, report, judged);
                    parts.show(member, &entity.identifier, facts, comments);
                    let wanted = judged.filter(|_| self.style.insights);
                    parts.note(
                        member,
                        wanted.and_then(|judged| insight::on_entity(entity, facts, judged)),
                    );
                }
            }
        }
        for skipped in &self.plan.skipped {
            if let Some(entity) = self.context.targets.get(skipped.member) {
                parts.skip(skipped.member, entity, &skipped.reason, skipped.internal);
            }
        }
        parts.tally.notices.extend(self.notices);
        parts.finish(self.definition, self.words, &self.style, JsonResult::List)
    }
}

impl Parts {
    /// What became of one entity, enriched where there is a report.
    pub(crate) fn add(
        &mut self,
        place: usize,
        entity: &Entity,
        outcome: &Outcome,
        facts: Option<&Facts>,
        judged: Option<&Judged>,
        style: &Style<'_>,
    ) {
        let mut result = EntityResult {
            entity: entity.clone(),
            is_target: true,
            outcome: outcome.kind(),
            remark: outcome.remark(),
            unfinished: outcome.is_unfinished(),
            risky: false,
            positives: facts.and_then(|facts| facts.seen.positives),
            total: facts.and_then(|facts| facts.seen.total),
            verdict: judged.and_then(|judged| judged.explanation.clone()),
            undecided: judged.is_some_and(|judged| judged.verdict.undecided.is_some()),
            enrichment: Map::new(),
        };
        if let Some(facts) = facts {
            result.enrichment = enrichment::prefixed(&style.prefix, facts.fields.clone());
            result.risky = judged.is_some_and(|judged| judged.verdict.risky());
            result.entity.is_suspicious |= result.risky;
        }
        self.risky |= result.risky;
        self.entities.push((place, result));
    }

    /// What became of a file that no target entity stands for.
    pub(crate) fn add_file(
        &mut self,
        place: usize,
        path: &str,
        outcome: &Outcome,
        facts: Option<&Facts>,
        judged: Option<&Judged>,
        style: &Style<'_>,
    ) {
        let file = Entity::new(path, EntityType::FileName);
        self.add(place, &file, outcome, facts, judged, style);
        if let Some((_, added)) = self.entities.last_mut() {
            added.is_target = false;
        }
    }

    /// A report for the JSON result.
    pub(crate) fn report(&mut self, place: usize, name: &str, report: &Report, judged: Option<&Judged>) {
        let item = JsonItem {
            name: name.to_owned(),
            report: report.raw_value(),
            risky: judged.is_some_and(|judged| judged.verdict.risky()),
        };
        self.reports.push((place, item));
    }

    pub(crate) fn note(&mut self, place: usize, insight: Option<Insight>) {
        self.insights.extend(insight.map(|insight| (place, insight)));
    }

    /// What the case wall shows of a report.
    pub(crate) fn show(&mut self, place: usize, title: &str, facts: &Facts, comments: Option<&Rows>) {
        let table = |title: String, rows: &Rows| {
            (
                place,
                Table {
                    title,
                    rows: rows.clone(),
                    is_answer: false,
                },
            )
        };
        self.tables
            .extend(facts.rows.as_ref().map(|rows| table(title.to_owned(), rows)));
        self.tables
            .extend(comments.map(|rows| table(format!("Comments to {title}"), rows)));
        self.links.extend(facts.link.clone().map(|url| {
            (
                place,
                Link {
                    title: title.to_owned(),
                    url,
                },
            )
        }));
    }

    /// Takes note of the engines' names, where only some of them count.
    pub(crate) fn meet(&mut self, facts: Option<&Facts>, style: &Style<'_>) {
        self.by_listing |= facts.is_some_and(Facts::is_by_listing);
        self.lower_bound |= facts.is_some_and(Facts::is_lower_bound);
        if let Some(facts) = facts
            && style.rule.as_ref().is_some_and(Rule::names_engines)
        {
            let names = facts.seen.engines.iter().map(|engine| engine.name.to_lowercase());
            self.engines.extend(names);
        }
    }

    /// Takes note of what there is no verdict on.
    pub(crate) fn doubt(&mut self, name: &str, judged: Option<&Judged>) {
        if let Some(undecided) = judged.and_then(|judged| judged.verdict.undecided) {
            self.undecided.push(format!("{name}: {}", undecided.reason()));
        }
    }

    /// Names that were meant to count and that no report has.
    fn slips(&self, style: &Style<'_>) -> Vec<String> {
        let Some(rule) = style.rule.as_ref().filter(|_| !self.engines.is_empty()) else {
            return Vec::new();
        };
        let on_allowlist = rule.unknown_on_allowlist(&self.engines).join(", ");
        let on_allowlist = (!on_allowlist.is_empty()).then(|| {
            format!("No report has these engines of the Engine Allowlist: {on_allowlist}. They do not count.")
        });
        let in_policy = rule.unknown_in_policy(&self.engines).join(", ");
        let in_policy = style.policy.filter(|_| !in_policy.is_empty()).map(|(policy, _)| {
            format!(
                "{}: no report has the engines {in_policy} that it names.",
                policy.heading()
            )
        });
        on_allowlist.into_iter().chain(in_policy).collect()
    }

    /// What the policy has to say, where it judged anything, and what there is no verdict on.
    fn verdict_notices(&self, style: &Style<'_>) -> Vec<String> {
        let is_judged = self.entities.iter().any(|(_, result)| result.verdict.is_some());
        let policy = style.policy.filter(|_| is_judged);
        let mut notices = policy.map_or_else(Vec::new, |(policy, kind)| policy.notices(kind));
        if !self.undecided.is_empty() {
            let start = match policy {
                Some((policy, _)) => format!("{}: there", policy.heading()),
                None => "There".to_owned(),
            };
            let undecided = self.undecided.join("\n");
            notices.push(format!(
                "{start} is no verdict on the following, which do not count as risky:\n{undecided}"
            ));
        }
        notices
    }

    fn skip(&mut self, place: usize, entity: &Entity, reason: &str, internal: bool) {
        let name = with_reason(entity.original_identifier(), reason);
        if internal {
            &mut self.tally.internal
        } else {
            &mut self.tally.malformed
        }
        .push(name);
        let remark = Some(reason.to_owned());
        let result = EntityResult::without_report(entity, OutcomeKind::Skipped, remark);
        self.entities.push((place, result));
    }

    /// The result, everything in the order of the target entities.
    pub(crate) fn finish(
        mut self,
        definition: &'static Definition,
        words: &Words,
        style: &Style<'_>,
        json: fn(Vec<JsonItem>) -> JsonResult,
    ) -> ActionResult {
        self.tally.notices.extend(self.verdict_notices(style));
        self.tally.notices.extend(self.slips(style));
        if self.by_listing {
            self.tally.notices.push(BY_LISTING.to_owned());
        }
        if self.lower_bound {
            self.tally.notices.push(LOWER_BOUND.to_owned());
        }
        self.entities.sort_by_key(|(place, _)| *place);
        self.reports.sort_by_key(|(place, ..)| *place);
        let value = match definition.script_result {
            "is_success" => self.tally.success(),
            _ => self.risky,
        };
        ActionResult {
            action: definition.name,
            state: self.tally.execution_state(style.unfinished),
            script_result: ScriptResult {
                name: definition.script_result,
                value,
                form: definition.script_form,
            },
            output_message: self.tally.message(words),
            entities: self.entities.into_iter().map(|(_, result)| result).collect(),
            insights: in_order(self.insights),
            tables: in_order(self.tables),
            links: in_order(self.links),
            json_result: json(self.reports.into_iter().map(|(_, item)| item).collect()),
        }
    }
}

fn in_order<T>(mut items: Vec<(usize, T)>) -> Vec<T> {
    items.sort_by_key(|(place, _)| *place);
    items.into_iter().map(|(_, item)| item).collect()
}

impl Style<'_> {
    /// The verdict, where the action judges.
    pub(crate) fn judge(&self, facts: &Facts) -> Option<Judged> {
        let verdict = self.rule.as_ref()?.judge(&facts.seen, self.now);
        let explanation = self.policy.map(|_| verdict.explanation());
        Some(Judged { verdict, explanation })
    }
}

impl Outcome {
    pub(crate) fn report(&self) -> Option<&Report> {
        match self {
            Self::Found { report, .. } => Some(report),
            _ => None,
        }
    }

    /// Whether the same question may get further at another time, without being asked twice.
    fn is_unfinished(&self) -> bool {
        match self {
            Self::Found { origin, .. } => matches!(origin, Origin::RescanUnfinished(_)),
            Self::Queued(_) | Self::Quota(_) | Self::Stopped(_) => true,
            Self::Missing | Self::Failed(_) | Self::Refused(_) | Self::Key => false,
        }
    }

    pub(crate) fn kind(&self) -> OutcomeKind {
        match self {
            Self::Found { .. } => OutcomeKind::Found,
            Self::Missing => OutcomeKind::Missing,
            Self::Queued(_) => OutcomeKind::Queued,
            Self::Quota(_) => OutcomeKind::Quota,
            Self::Stopped(_) => OutcomeKind::Stopped,
            Self::Refused(_) => OutcomeKind::Skipped,
            Self::Failed(_) | Self::Key => OutcomeKind::Failed,
        }
    }

    /// What there is to say about the entity, as a sentence part.
    pub(crate) fn remark(&self) -> Option<String> {
        let text = match self {
            Self::Found {
                origin: Origin::Known,
                ..
            } => return None,
            Self::Found {
                origin: Origin::Fresh,
                ..
            } => "analysed anew",
            Self::Found {
                origin: Origin::NotUploaded,
                ..
            } => "VirusTotal knew it; not uploaded",
            Self::Found {
                origin: Origin::Uploaded,
                ..
            } => "uploaded",
            Self::Found {
                origin: Origin::RescanRefused,
                ..
            } => "the API key may not ask for a new analysis; this is the existing report",
            Self::Found {
                origin: Origin::RescanFailed(reason) | Origin::RescanUnfinished(reason),
                ..
            } => {
                return Some(format!("no new analysis: {reason}; this is the existing report"));
            }
            Self::Missing => "VirusTotal has never seen it",
            Self::Queued(None) => "the analysis is under way; ask again later",
            Self::Queued(Some(reason))
            | Self::Quota(reason)
            | Self::Failed(reason)
            | Self::Refused(reason) => reason,
            Self::Stopped(Stop::Deadline) => "time ran out before there was an answer",
            Self::Stopped(Stop::Cancelled) => "cancelled before there was an answer",
            Self::Key => "the API key was refused",
        };
        Some(text.to_owned())
    }
}

impl Tally {
    /// Puts the name where it belongs.
    pub(crate) fn count(&mut self, name: &str, outcome: &Outcome) {
        let plain = name.to_owned();
        match outcome {
            Outcome::Found {
                origin: Origin::Known | Origin::NotUploaded,
                ..
            } => self.found.push(plain),
            Outcome::Found {
                origin: Origin::Fresh | Origin::Uploaded,
                ..
            } => self.fresh.push(plain),
            Outcome::Found {
                origin: Origin::RescanRefused,
                ..
            } => self.rescan_refused.push(plain),
            Outcome::Found {
                origin: Origin::RescanFailed(why) | Origin::RescanUnfinished(why),
                ..
            } => self.rescan_failed.push(with_reason(name, why)),
            Outcome::Missing => self.missing.push(plain),
            Outcome::Queued(_) => self.queued.push(plain),
            Outcome::Quota(_) => self.quota.push(plain),
            Outcome::Stopped(_) => self.stopped.push(plain),
            Outcome::Failed(why) => self.failed.push(with_reason(name, why)),
            Outcome::Refused(why) => self.refused.push(with_reason(name, why)),
            Outcome::Key => self.key_refused = true,
        }
    }
}
