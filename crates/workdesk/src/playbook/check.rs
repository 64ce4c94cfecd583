//! Whether a playbook makes sense: its ids, what it refers to, and the actions that the workdesk offers.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Place, unknown};
use super::{ActionStep, Condition, Playbook, Problem, Step, StepKind};
use crate::text::turns_text;
use crate::{Field, Offer};

/// Steps of a playbook, at most.
const MOST_STEPS: usize = 200;
/// Steps below steps, and conditions below conditions, at most.
const DEEPEST: usize = 8;
/// Lines with hidden directions that are told, at most.
const MOST_TURNED: usize = 20;

/// What the workdesk offers to playbooks.
#[derive(Clone, Debug, Default)]
pub struct Offered {
    /// Every action.
    pub actions: Vec<Offer>,
    /// The names of the instances.
    pub instances: Vec<String>,
}

impl Playbook {
    /// What keeps a text from being saved although it can be read: characters by which an editor shows another playbook than the one that
    /// is carried out. What was saved before is still read.
    #[must_use]
    pub fn check_text(text: &str) -> Vec<Problem> {
        let turned = (1..).zip(text.lines()).filter_map(|(number, line)| {
            let letter = line.chars().find(|letter| turns_text(*letter))?;
            let code = u32::from(letter);
            let words = format!(
                "there is the character U+{code:04X}, which is not seen and changes the order in which others are shown; \
                 delete it, or write it as \\u{code:04X} in a text in double quotes"
            );
            Some(Place::default().at(Some(number)).problem(words))
        });
        turned.take(MOST_TURNED).collect()
    }

    /// Everything that keeps the playbook from being used, in its order; nothing where it can be.
    #[must_use]
    pub fn check(&self, offered: &Offered) -> Vec<Problem> {
        let mut check = Check {
            offered,
            problems: Vec::new(),
            kinds: BTreeMap::new(),
            seen: BTreeSet::new(),
        };
        let place = Place::named("steps");
        check.note_kinds(&self.steps);
        let steps = count(&self.steps);
        if steps > MOST_STEPS {
            let words =
                format!("the playbook has {steps} steps; at most {MOST_STEPS} are taken; make two of it");
            check.problems.push(place.problem(words));
        }
        check.steps(&place, &self.steps, 1, &mut BTreeSet::new());
        check.problems
    }
}

fn count(steps: &[Step]) -> usize {
    let below = |step: &Step| step.ways().into_iter().map(count).sum::<usize>();
    steps.iter().map(|step| 1 + below(step)).sum()
}

struct Check<'a> {
    offered: &'a Offered,
    problems: Vec<Problem>,
    /// All ids, and whether the step is an action.
    kinds: BTreeMap<&'a str, bool>,
    /// The ids met so far.
    seen: BTreeSet<&'a str>,
}

impl<'a> Check<'a> {
    fn wrong(&mut self, place: &Place, words: impl Into<String>) {
        self.problems.push(place.problem(words));
    }

    fn note_kinds(&mut self, steps: &'a [Step]) {
        for step in steps {
            let is_action = matches!(step.kind, StepKind::Action(_));
            self.kinds.insert(&step.id, is_action);
            for way in step.ways() {
                self.note_kinds(way);
            }
        }
    }

    /// `before` are the actions that are over whenever these steps begin; those of the steps come to it.
    fn steps(&mut self, place: &Place, steps: &'a [Step], depth: usize, before: &mut BTreeSet<&'a str>) {
        for step in steps {
            let place = place.below(&step.id).at(step.line);
            if !self.seen.insert(&step.id) {
                self.wrong(
                    &place,
                    format!("there are two steps {:?}; give this one another id", step.id),
                );
            }
            if depth > DEEPEST {
                let words =
                    format!("the step is nested deeper than {DEEPEST}; make a playbook of its own of it");
                self.wrong(&place, words);
                return;
            }
            self.step(&place, step, depth, before);
        }
    }

    fn step(&mut self, place: &Place, step: &'a Step, depth: usize, before: &mut BTreeSet<&'a str>) {
        match &step.kind {
            StepKind::Action(action) => {
                self.action(place, action);
                before.insert(&step.id);
            }
            StepKind::If { condition, .. } => {
                self.condition(&place.below("if"), condition, 1, before);
                self.choice(place, step, depth, before);
            }
            StepKind::Approval { .. } => self.choice(place, step, depth, before),
            StepKind::Parallel(branches) => {
                let place = place.below("parallel");
                let mut after = before.clone();
                for (number, branch) in (1..).zip(branches) {
                    // A branch knows nothing of the others, but when all are over, all of them are.
                    let mut known = before.clone();
                    self.steps(&place.below(&number.to_string()), branch, depth + 1, &mut known);
                    after.extend(known);
                }
                *before = after;
            }
            StepKind::Comment(_) | StepKind::Priority(_) | StepKind::Close => {}
        }
    }

    /// Whichever way is gone, nobody after it can count on it.
    fn choice(&mut self, place: &Place, step: &'a Step, depth: usize, before: &BTreeSet<&'a str>) {
        for (word, way) in [("then", step.way(true)), ("else", step.way(false))] {
            self.steps(&place.below(word), way, depth + 1, &mut before.clone());
        }
    }

    fn action(&mut self, place: &Place, step: &ActionStep) {
        if let Some(instance) = &step.instance
            && !self.offered.instances.contains(instance)
        {
            let words = format!("there is no instance {instance:?}; leave it out to take the usual one");
            self.wrong(&place.below("instance"), words);
        }
        let offered = self.offered;
        let Some(offer) = offered.actions.iter().find(|offer| offer.name == step.action) else {
            let names = offered.actions.iter().map(|offer| offer.name.as_str());
            let words = unknown("action", &step.action, names);
            return self.wrong(&place.below("action"), words);
        };
        let place = place.below("parameters");
        for (name, value) in &step.parameters {
            let place = place.below(name);
            match offer.parameters.iter().find(|own| own.name == *name) {
                None => {
                    let names = offer.parameters.iter().map(|own| own.name.as_str());
                    self.wrong(&place, unknown("parameter", name, names));
                }
                Some(own) => {
                    if let Some(words) = refusal(&own.field, value.trim()) {
                        self.wrong(&place, words);
                    }
                }
            }
        }
        for required in offer.parameters.iter().filter(|own| own.required) {
            let value = step.parameters.get(&required.name);
            if value.is_none_or(|value| value.trim().is_empty()) {
                self.wrong(
                    &place.below(&required.name),
                    "the parameter is missing; the action needs it",
                );
            }
        }
    }

    fn condition(&mut self, place: &Place, condition: &Condition, depth: usize, before: &BTreeSet<&'a str>) {
        if depth > DEEPEST {
            let words = format!("the condition is nested deeper than {DEEPEST}; make it simpler");
            return self.wrong(place, words);
        }
        match condition {
            Condition::ResultOf { step, .. } if before.contains(step.as_str()) => {}
            Condition::ResultOf { step, .. } => {
                let words = match self.kinds.get(step.as_str()) {
                    None => unknown("step", step, self.kinds.keys().copied()),
                    Some(false) => {
                        format!("the step {step:?} has no result; only a step with action has one")
                    }
                    Some(true) => format!(
                        "the step {step:?} is not always over here; name one that comes before on the same way, \
                         or look at the result where the step is"
                    ),
                };
                self.wrong(place, words);
            }
            Condition::SuspiciousEntities(_) | Condition::Field { .. } => {}
            Condition::All(parts) | Condition::Any(parts) => {
                for part in parts {
                    self.condition(place, part, depth + 1, before);
                }
            }
            Condition::Not(part) => self.condition(place, part, depth + 1, before),
        }
    }
}

/// Why a text can't be used for a parameter. A blank one is as good as none.
fn refusal(field: &Field, value: &str) -> Option<String> {
    if value.is_empty() {
        return None;
    }
    let is = |word: &str| word.eq_ignore_ascii_case(value);
    match field {
        Field::Text | Field::Password => None,
        Field::WholeNumber if value.parse::<u32>().is_ok() => None,
        Field::WholeNumber => Some(format!("{value:?} is no whole number; write one, such as 3")),
        Field::Flag if is("true") || is("false") => None,
        Field::Flag => Some(format!("{value:?} is neither true nor false; write one of them")),
        Field::Choice(words) if words.iter().any(|word| is(word)) => None,
        Field::Choice(words) => Some(format!(
            "{value:?} is none of the choices; write one of {}",
            words.join(", ")
        )),
    }
}
