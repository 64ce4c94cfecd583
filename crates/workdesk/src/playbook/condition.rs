//! Conditions: what decides which way a playbook goes.

use std::fmt;

use secops::{Entity, EntityType};
use serde_json::Value;

use super::{Facts, States, StepState};

/// What holds or not.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// The script result of a step passes a test. A step that was skipped or has failed has none.
    ResultOf {
        /// The step's id.
        step: String,
        /// The test.
        test: Test,
    },
    /// So many entities of the case are suspicious.
    SuspiciousEntities(Range),
    /// An entity has an enrichment field that passes a test.
    Field {
        /// The field's name.
        name: String,
        /// The types of entities that are looked at; empty for all.
        of: Vec<EntityType>,
        /// The test.
        test: Test,
    },
    /// All of them hold.
    All(Vec<Condition>),
    /// One of them holds, or more.
    Any(Vec<Condition>),
    /// It does not hold.
    Not(Box<Condition>),
}

/// What a value must be like.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// This text, in any case.
    Is(String),
    /// A text that this is a part of, in any case.
    Contains(String),
    /// There, or not there.
    Exists(bool),
    /// A number in this range.
    Number(Range),
}

/// Numbers between two bounds, which count as in it; at least one of them is there.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Range {
    /// The least of them.
    pub at_least: Option<f64>,
    /// The greatest of them.
    pub at_most: Option<f64>,
}

impl Condition {
    /// Whether it holds, as far as the steps have gone.
    pub(super) fn holds(&self, states: &States, facts: Facts<'_>) -> bool {
        match self {
            Self::ResultOf { step, test } => test.passes(script_result(states.get(step)).into_iter()),
            Self::SuspiciousEntities(range) => {
                let suspicious = facts.entities.iter().filter(|entity| entity.is_suspicious);
                // A case has far fewer than a float can count.
                range.holds(suspicious.count() as f64)
            }
            Self::Field { name, of, test } => {
                let looked_at = |entity: &&Entity| of.is_empty() || of.contains(&entity.entity_type);
                let entities = facts.entities.iter().filter(looked_at);
                test.passes(entities.filter_map(|entity| entity.additional_properties.get(name)))
            }
            Self::All(parts) => parts.iter().all(|part| part.holds(states, facts)),
            Self::Any(parts) => parts.iter().any(|part| part.holds(states, facts)),
            Self::Not(part) => !part.holds(states, facts),
        }
    }
}

fn script_result(state: Option<&StepState>) -> Option<&Value> {
    match state? {
        StepState::Done { script_result } => script_result.as_ref(),
        _ => None,
    }
}

impl Test {
    /// Whether one of the values passes. That something does not exist holds where there is no value at all.
    fn passes<'a>(&self, values: impl Iterator<Item = &'a Value>) -> bool {
        let mut texts = values.filter_map(text);
        match self {
            Self::Is(wanted) => {
                let wanted = wanted.trim().to_lowercase();
                texts.any(|text| text.to_lowercase() == wanted)
            }
            Self::Contains(part) => {
                let part = part.to_lowercase();
                texts.any(|text| text.to_lowercase().contains(&part))
            }
            Self::Exists(wanted) => texts.next().is_some() == *wanted,
            Self::Number(range) => texts.any(|text| text.parse().is_ok_and(|number| range.holds(number))),
        }
    }
}

/// A value as text, blanks around it removed. Null is as good as absent.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::String(text) => Some(text.trim().to_owned()),
        other => Some(other.to_string()),
    }
}

impl Range {
    fn holds(&self, number: f64) -> bool {
        // Of what is no number nothing holds.
        !number.is_nan()
            && self.at_least.is_none_or(|least| number >= least)
            && self.at_most.is_none_or(|most| number <= most)
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ResultOf { step, test } => write!(f, "result of {step} {test}"),
            Self::SuspiciousEntities(range) => write!(f, "suspicious entities: {range}"),
            Self::Field { name, of, test } if of.is_empty() => write!(f, "{name} {test}"),
            Self::Field { name, of, test } => {
                let types: Vec<_> = of.iter().map(EntityType::name).collect();
                write!(f, "{name} of {} {test}", types.join(" or "))
            }
            Self::All(parts) => joined(f, parts, " and "),
            Self::Any(parts) => joined(f, parts, " or "),
            Self::Not(part) => write!(f, "not ({part})"),
        }
    }
}

/// Parts with a word between them; a part that has such a word itself stands in brackets.
fn joined(f: &mut fmt::Formatter<'_>, parts: &[Condition], word: &str) -> fmt::Result {
    for (place, part) in parts.iter().enumerate() {
        if place > 0 {
            f.write_str(word)?;
        }
        match part {
            Condition::All(_) | Condition::Any(_) => write!(f, "({part})")?,
            _ => write!(f, "{part}")?,
        }
    }
    Ok(())
}

impl fmt::Display for Test {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Is(text) => write!(f, "is {text}"),
            Self::Contains(part) => write!(f, "contains {part}"),
            Self::Exists(true) => f.write_str("exists"),
            Self::Exists(false) => f.write_str("does not exist"),
            Self::Number(range) => write!(f, "is {range}"),
        }
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.at_least, self.at_most) {
            (Some(least), Some(most)) => write!(f, "at least {least}, at most {most}"),
            (Some(least), None) => write!(f, "at least {least}"),
            (None, Some(most)) => write!(f, "at most {most}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use secops::{Entity, EntityType};
    use serde_json::{Value, json};

    use super::{Condition, Range, Test};
    use crate::playbook::{Facts, StepState};

    fn entity(name: &str, entity_type: EntityType, field: Value) -> Entity {
        let mut entity = Entity::new(name, entity_type);
        entity
            .additional_properties
            .insert("VT_positives".to_owned(), field);
        entity
    }

    fn holds(condition: &Condition) -> bool {
        let mut entities = [
            entity("a", EntityType::FileHash, json!("12")),
            entity("b", EntityType::Url, json!(3)),
            entity("c", EntityType::Domain, Value::Null),
        ];
        entities[0].is_suspicious = true;
        let done = |result: Value| StepState::Done {
            script_result: Some(result),
        };
        let states = BTreeMap::from([
            ("flag".to_owned(), done(json!(true))),
            ("text".to_owned(), done(json!("True"))),
            ("failed".to_owned(), StepState::Failed),
        ]);
        condition.holds(&states, Facts { entities: &entities })
    }

    fn result_of(step: &str, test: Test) -> Condition {
        Condition::ResultOf {
            step: step.to_owned(),
            test,
        }
    }

    fn positives(of: &[EntityType], test: Test) -> Condition {
        Condition::Field {
            name: "VT_positives".to_owned(),
            of: of.to_vec(),
            test,
        }
    }

    const fn range(at_least: Option<f64>, at_most: Option<f64>) -> Range {
        Range { at_least, at_most }
    }

    #[test]
    fn a_script_result_counts_as_text_in_any_case() {
        for step in ["flag", "text"] {
            assert!(holds(&result_of(step, Test::Is("TRUE".to_owned()))));
            assert!(!holds(&result_of(step, Test::Is("false".to_owned()))));
        }
    }

    #[test]
    fn of_a_step_without_a_result_only_that_there_is_none_holds() {
        for step in ["failed", "skipped"] {
            assert!(!holds(&result_of(step, Test::Is("false".to_owned()))));
            assert!(!holds(&result_of(step, Test::Contains(String::new()))));
            assert!(holds(&result_of(step, Test::Exists(false))));
        }
    }

    #[test]
    fn one_entity_with_such_a_field_is_enough() {
        assert!(holds(&positives(&[], Test::Number(range(Some(12.0), None)))));
        assert!(!holds(&positives(
            &[EntityType::Url],
            Test::Number(range(Some(12.0), None))
        )));
        assert!(holds(&positives(&[EntityType::Url], Test::Is("3".to_owned()))));
        assert!(holds(&positives(&[], Test::Contains("1".to_owned()))));
        assert!(holds(&positives(&[EntityType::Domain], Test::Exists(false))));
        assert!(!holds(&positives(&[], Test::Exists(false))));
    }

    #[test]
    fn conditions_are_joined_as_their_words_say() {
        let one = Condition::SuspiciousEntities(range(Some(1.0), Some(1.0)));
        let many = Condition::SuspiciousEntities(range(Some(2.0), None));
        assert!(holds(&one) && !holds(&many));
        let any = Condition::Any(vec![many.clone(), one]);
        let all = Condition::All(vec![any.clone(), Condition::Not(Box::new(many))]);
        assert!(holds(&any) && holds(&all));
        assert_eq!(
            all.to_string(),
            "(suspicious entities: at least 2 or suspicious entities: at least 1, at most 1) and \
             not (suspicious entities: at least 2)"
        );
    }

    #[test]
    fn what_is_no_number_is_in_no_range() {
        assert!(!holds(&result_of("flag", Test::Number(range(None, Some(5.0))))));
        assert!(!range(None, Some(5.0)).holds(f64::NAN));
    }
}
