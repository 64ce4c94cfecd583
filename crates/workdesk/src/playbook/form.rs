//! The text of a playbook, and how it is read: everything that has to be right before there are steps at all.

use std::collections::BTreeMap;

use secops::EntityType;
use serde::Deserialize;
use serde_saphyr::budget::BudgetBreach;
use serde_saphyr::{Error, MessageFormatter, Spanned, UserMessageFormatter};

use super::problem::{Place, unknown};
use super::{
    ActionStep, Condition, OnFailure, Playbook, Problem, Range, Step, StepKind, Test, Trigger, TriggerEvent,
};
use crate::Priority;

/// Longest text, in bytes.
const LONGEST: usize = 100_000;
/// Deepest nesting of lists and maps in the text: steps and conditions as deep as they may be, and no more, so that no text
/// uses up the stack.
const DEEPEST: usize = 40;
/// Longest name, id, question and comment, in characters.
const LONGEST_NAME: usize = 100;
const LONGEST_ID: usize = 40;
const LONGEST_QUESTION: usize = 500;
const LONGEST_COMMENT: usize = 10_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PlaybookForm {
    name: String,
    #[serde(default)]
    description: String,
    trigger: TriggerForm,
    steps: Vec<Spanned<StepForm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TriggerForm {
    on: TriggerEvent,
    environments: Option<Vec<String>>,
    entity_types: Option<Vec<EntityType>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct StepForm {
    id: Option<String>,
    action: Option<String>,
    instance: Option<String>,
    entity_types: Option<Vec<EntityType>>,
    parameters: Option<BTreeMap<String, String>>,
    on_failure: Option<OnFailure>,
    #[serde(rename = "if")]
    condition: Option<ConditionForm>,
    parallel: Option<Vec<Vec<Spanned<StepForm>>>>,
    approval: Option<String>,
    comment: Option<String>,
    priority: Option<Priority>,
    close: Option<bool>,
    then: Option<Vec<Spanned<StepForm>>>,
    #[serde(rename = "else")]
    otherwise: Option<Vec<Spanned<StepForm>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ConditionForm {
    result_of: Option<String>,
    suspicious_entities: Option<RangeForm>,
    field: Option<String>,
    all: Option<Vec<ConditionForm>>,
    any: Option<Vec<ConditionForm>>,
    not: Option<Box<ConditionForm>>,
    of: Option<Vec<EntityType>>,
    is: Option<String>,
    contains: Option<String>,
    exists: Option<bool>,
    at_least: Option<f64>,
    at_most: Option<f64>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
struct RangeForm {
    at_least: Option<f64>,
    at_most: Option<f64>,
}

impl Playbook {
    /// Reads a playbook's text. What is read has the right form, and need not make sense yet: see [`check`](Self::check).
    ///
    /// # Errors
    /// All that is wrong with its form; of a text that is no YAML, or names what a playbook does not have, the first.
    pub fn read(text: &str) -> Result<Self, Vec<Problem>> {
        if text.len() > LONGEST {
            let words = format!("the playbook is longer than {LONGEST} bytes; make two of it");
            return Err(vec![Place::default().problem(words)]);
        }
        let form: PlaybookForm = parse(text).map_err(|problem| vec![problem])?;
        let mut reader = Reader::default();
        let playbook = reader.playbook(form);
        match reader.problems.is_empty() {
            true => Ok(playbook),
            false => Err(reader.problems),
        }
    }
}

fn parse(text: &str) -> Result<PlaybookForm, Problem> {
    let options = serde_saphyr::options! {
        // Without aliases nothing can be repeated, or be deeper than it is written.
        budget: serde_saphyr::budget! { max_depth: DEEPEST, max_aliases: 0 },
        with_snippet: false,
    };
    serde_saphyr::from_str_with_options(text, options).map_err(|error| {
        let line = error.location().map(|location| location.line());
        Place::default().at(line).problem(refusal(&error))
    })
}

/// Why the text could not be read. What people get wrong often has our words, all else the reader's.
fn refusal(error: &Error) -> String {
    match error {
        Error::SerdeUnknownField { field, expected, .. } => unknown("key", field, expected.iter().copied()),
        Error::SerdeUnknownVariant {
            variant, expected, ..
        } => {
            format!(
                "{variant:?} can't be used here; write one of {}",
                expected.join(", ")
            )
        }
        Error::SerdeMissingField { field, .. } => format!("the key {field} is missing; add it"),
        Error::DuplicateMappingKey { key: Some(key), .. } => {
            format!("the key {key:?} is there twice; leave one out")
        }
        Error::NullIntoString { .. } => {
            "the text is missing; write something, in quotes where it is null or ~".to_owned()
        }
        Error::MultipleDocuments { .. } => "there are several documents; make a playbook of each".to_owned(),
        Error::Unexpected { expected, .. } => format!("something else must stand here: {expected}"),
        Error::Eof { .. } => "the text ends too early".to_owned(),
        Error::Budget {
            breach: BudgetBreach::Depth { .. },
            ..
        } => "lists and maps are nested too deeply; make a playbook of its own of the inner steps".to_owned(),
        Error::Budget {
            breach: BudgetBreach::Aliases { .. },
            ..
        } => "anchors and aliases are not taken; write it out".to_owned(),
        other => UserMessageFormatter.format_message(other).into_owned(),
    }
}

/// Makes steps of forms, and collects what is wrong with them. What can't be read is left out: then nothing is used.
#[derive(Default)]
struct Reader {
    problems: Vec<Problem>,
}

impl Reader {
    fn wrong(&mut self, place: &Place, words: impl Into<String>) {
        self.problems.push(place.problem(words));
    }

    fn playbook(&mut self, form: PlaybookForm) -> Playbook {
        Playbook {
            name: self.text(&Place::named("name"), &form.name, LONGEST_NAME),
            description: form.description.trim().to_owned(),
            trigger: self.trigger(&Place::named("trigger"), form.trigger),
            steps: self.steps(&Place::named("steps"), form.steps),
        }
    }

    fn trigger(&mut self, place: &Place, form: TriggerForm) -> Trigger {
        Trigger {
            on: form.on,
            environments: self.list(&place.below("environments"), form.environments),
            entity_types: self.list(&place.below("entity_types"), form.entity_types),
        }
    }

    /// A text that says something.
    fn text(&mut self, place: &Place, text: &str, longest: usize) -> String {
        let text = text.trim();
        if text.is_empty() {
            self.wrong(place, "the text is empty; write something");
        }
        let length = text.chars().count();
        if length > longest {
            self.wrong(
                place,
                format!("the text has {length} characters; at most {longest} are taken"),
            );
        }
        text.to_owned()
    }

    /// A list that limits something. Nobody can tell whether an empty one means nothing or everything.
    fn list<T>(&mut self, place: &Place, list: Option<Vec<T>>) -> Vec<T> {
        if list.as_ref().is_some_and(Vec::is_empty) {
            self.wrong(
                place,
                "the list is empty; name something, or leave the line out to mean all",
            );
        }
        list.unwrap_or_default()
    }

    fn steps(&mut self, place: &Place, forms: Vec<Spanned<StepForm>>) -> Vec<Step> {
        if forms.is_empty() {
            self.wrong(place, "there are no steps; write at least one");
        }
        let mut steps = Vec::with_capacity(forms.len());
        for (number, form) in (1..).zip(forms) {
            let line = Some(form.referenced.line()).filter(|line| *line > 0);
            let name = form.value.id.clone().unwrap_or_else(|| number.to_string());
            let place = place.below(&name).at(line);
            steps.extend(self.step(&place, line, form.value));
        }
        steps
    }

    fn step(&mut self, place: &Place, line: Option<u64>, mut form: StepForm) -> Option<Step> {
        let id = self.id(place, form.id.take());
        let named = form.kinds();
        let [named] = named.as_slice() else {
            let words = match named.as_slice() {
                [] => format!("the step does nothing; give it one of {KINDS}"),
                named => format!("the step is {} at once; make a step of each", named.join(" and ")),
            };
            self.wrong(place, words);
            return None;
        };
        for (word, belongs_to) in form.misplaced() {
            self.wrong(
                place,
                format!("{word} belongs to a step with {belongs_to}, not with {named}"),
            );
        }
        let kind = self.kind(place, form)?;
        Some(Step { id: id?, line, kind })
    }

    fn id(&mut self, place: &Place, id: Option<String>) -> Option<String> {
        let Some(id) = id else {
            self.wrong(place, "the step has no id; give it one, such as id: scan");
            return None;
        };
        let is_known = |letter: char| matches!(letter, 'a'..='z' | '0'..='9' | '_' | '-');
        if !(1..=LONGEST_ID).contains(&id.len()) || !id.chars().all(is_known) {
            let words =
                format!("the id {id:?} can't be used; take 1 to {LONGEST_ID} small letters, digits, _ and -");
            self.wrong(place, words);
            return None;
        }
        Some(id)
    }

    fn kind(&mut self, place: &Place, form: StepForm) -> Option<StepKind> {
        if let Some(action) = form.action {
            return Some(StepKind::Action(ActionStep {
                action: self.text(&place.below("action"), &action, LONGEST_NAME),
                instance: form.instance,
                entity_types: self.list(&place.below("entity_types"), form.entity_types),
                parameters: form.parameters.unwrap_or_default(),
                on_failure: form.on_failure.unwrap_or_default(),
            }));
        }
        if let Some(branches) = form.parallel {
            return Some(self.parallel(place, branches));
        }
        if let Some(text) = form.comment {
            return Some(StepKind::Comment(self.text(place, &text, LONGEST_COMMENT)));
        }
        if let Some(priority) = form.priority {
            return Some(StepKind::Priority(priority));
        }
        if let Some(close) = form.close {
            if !close {
                self.wrong(place, "close: false does nothing; leave the step out");
            }
            return Some(StepKind::Close);
        }
        self.choice(place, form)
    }

    fn choice(&mut self, place: &Place, form: StepForm) -> Option<StepKind> {
        if let Some(question) = form.approval {
            return Some(StepKind::Approval {
                question: self.text(place, &question, LONGEST_QUESTION),
                then: self.way(&place.below("then"), form.then),
                otherwise: self.way(&place.below("else"), form.otherwise),
            });
        }
        let condition = self.condition(&place.below("if"), form.condition?);
        if form.then.is_none() {
            self.wrong(
                place,
                "there is no then; say what is done where the condition holds",
            );
        }
        let then = self.way(&place.below("then"), form.then);
        let otherwise = self.way(&place.below("else"), form.otherwise);
        Some(StepKind::If {
            condition: condition?,
            then,
            otherwise,
        })
    }

    /// The steps of a way that may be left out, but not be there and empty.
    fn way(&mut self, place: &Place, forms: Option<Vec<Spanned<StepForm>>>) -> Vec<Step> {
        forms.map(|forms| self.steps(place, forms)).unwrap_or_default()
    }

    fn parallel(&mut self, place: &Place, branches: Vec<Vec<Spanned<StepForm>>>) -> StepKind {
        let place = place.below("parallel");
        if branches.len() < 2 {
            self.wrong(
                &place,
                "there is nothing to be done at the same time; write at least two branches",
            );
        }
        let branches = (1..).zip(branches);
        StepKind::Parallel(
            branches
                .map(|(number, forms)| self.steps(&place.below(&number.to_string()), forms))
                .collect(),
        )
    }

    fn condition(&mut self, place: &Place, form: ConditionForm) -> Option<Condition> {
        let named = form.kinds();
        let [named] = named.as_slice() else {
            let words = match named.as_slice() {
                [] => format!("the condition looks at nothing; give it one of {CONDITIONS}"),
                named => format!(
                    "the condition is {} at once; join them with all or any",
                    named.join(" and ")
                ),
            };
            self.wrong(place, words);
            return None;
        };
        if form.of.is_some() && form.field.is_none() {
            self.wrong(
                place,
                format!("of belongs to a condition with field, not with {named}"),
            );
        }
        let has_test = !form.tests().is_empty();
        if has_test && form.result_of.is_none() && form.field.is_none() {
            let words = format!(
                "{} belongs to a condition with result_of or field",
                form.tests().join(" and ")
            );
            self.wrong(place, words);
        }
        if let Some(step) = form.result_of.clone() {
            let test = self.test(place, form)?;
            return Some(Condition::ResultOf { step, test });
        }
        if let Some(name) = form.field.clone() {
            let of = self.list(&place.below("of"), form.of.clone());
            let test = self.test(place, form)?;
            return Some(Condition::Field { name, of, test });
        }
        if let Some(range) = form.suspicious_entities {
            let place = place.below("suspicious_entities");
            let range = self.range(&place, range.at_least, range.at_most)?;
            return Some(Condition::SuspiciousEntities(range));
        }
        if let Some(parts) = form.all {
            return Some(Condition::All(self.conditions(&place.below("all"), parts)));
        }
        if let Some(parts) = form.any {
            return Some(Condition::Any(self.conditions(&place.below("any"), parts)));
        }
        let part = self.condition(&place.below("not"), *form.not?)?;
        Some(Condition::Not(Box::new(part)))
    }

    fn conditions(&mut self, place: &Place, forms: Vec<ConditionForm>) -> Vec<Condition> {
        if forms.is_empty() {
            self.wrong(place, "there are no conditions; write at least one");
        }
        let forms = (1..).zip(forms);
        forms
            .filter_map(|(number, form)| self.condition(&place.below(&number.to_string()), form))
            .collect()
    }

    fn test(&mut self, place: &Place, form: ConditionForm) -> Option<Test> {
        let (is_number, tests) = (form.at_least.is_some() || form.at_most.is_some(), form.tests());
        // Both bounds are one test.
        let several = tests.len() > usize::from(form.at_least.is_some() && form.at_most.is_some()) + 1;
        if several {
            self.wrong(
                place,
                format!(
                    "{} are several tests; join conditions with all or any",
                    tests.join(" and ")
                ),
            );
            return None;
        }
        if is_number {
            return self.range(place, form.at_least, form.at_most).map(Test::Number);
        }
        let (is, contains) = (form.is.map(Test::Is), form.contains.map(Test::Contains));
        let test = is.or(contains).or(form.exists.map(Test::Exists));
        if test.is_none() {
            self.wrong(
                place,
                "the condition has no test; give it one of is, contains, exists, at_least, at_most",
            );
        }
        test
    }

    fn range(&mut self, place: &Place, at_least: Option<f64>, at_most: Option<f64>) -> Option<Range> {
        let mut bounds = at_least.into_iter().chain(at_most).peekable();
        if bounds.peek().is_none() {
            self.wrong(place, "there are no bounds; give it at_least or at_most");
            return None;
        }
        if !bounds.all(f64::is_finite) || at_least.zip(at_most).is_some_and(|(least, most)| least > most) {
            self.wrong(place, "no number is between these bounds; put them right");
            return None;
        }
        Some(Range { at_least, at_most })
    }
}

const KINDS: &str = "action, if, parallel, approval, comment, priority, close";
const CONDITIONS: &str = "result_of, suspicious_entities, field, all, any, not";

/// The names of what is there.
fn named(names: &[(&'static str, bool)]) -> Vec<&'static str> {
    let present = names.iter().filter(|(_, is_there)| *is_there);
    present.map(|(name, _)| *name).collect()
}

impl StepForm {
    fn kinds(&self) -> Vec<&'static str> {
        named(&[
            ("action", self.action.is_some()),
            ("if", self.condition.is_some()),
            ("parallel", self.parallel.is_some()),
            ("approval", self.approval.is_some()),
            ("comment", self.comment.is_some()),
            ("priority", self.priority.is_some()),
            ("close", self.close.is_some()),
        ])
    }

    /// What is there and belongs to another kind of step: its name, and the kind.
    fn misplaced(&self) -> Vec<(&'static str, &'static str)> {
        let of_actions = named(&[
            ("instance", self.instance.is_some()),
            ("entity_types", self.entity_types.is_some()),
            ("parameters", self.parameters.is_some()),
            ("on_failure", self.on_failure.is_some()),
        ]);
        let of_choices = named(&[("then", self.then.is_some()), ("else", self.otherwise.is_some())]);
        let (is_action, chooses) = (
            self.action.is_some(),
            self.condition.is_some() || self.approval.is_some(),
        );
        let of_actions = of_actions.into_iter().filter(|_| !is_action);
        let of_choices = of_choices.into_iter().filter(|_| !chooses);
        let of_actions = of_actions.map(|word| (word, "action"));
        of_actions
            .chain(of_choices.map(|word| (word, "if or approval")))
            .collect()
    }
}

impl ConditionForm {
    fn kinds(&self) -> Vec<&'static str> {
        named(&[
            ("result_of", self.result_of.is_some()),
            ("suspicious_entities", self.suspicious_entities.is_some()),
            ("field", self.field.is_some()),
            ("all", self.all.is_some()),
            ("any", self.any.is_some()),
            ("not", self.not.is_some()),
        ])
    }

    fn tests(&self) -> Vec<&'static str> {
        named(&[
            ("is", self.is.is_some()),
            ("contains", self.contains.is_some()),
            ("exists", self.exists.is_some()),
            ("at_least", self.at_least.is_some()),
            ("at_most", self.at_most.is_some()),
        ])
    }
}
