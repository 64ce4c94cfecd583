//! What is wrong with a playbook, for whoever has written it.

use std::fmt;

/// How alike two names must be, from 0 to 1, for one to be a slip of the other; our choice.
const ALIKE: f64 = 0.6;

/// Something that must be put right before a playbook can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The line of the text, from 1, where it is known.
    pub line: Option<u64>,
    /// The way to it, such as `steps › risky › then › 2`; empty where it is the whole text.
    pub place: String,
    /// What is wrong, and what to do.
    pub words: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        if !self.place.is_empty() {
            write!(f, "{}: ", self.place)?;
        }
        f.write_str(&self.words)
    }
}

/// Where something stands in a playbook.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    line: Option<u64>,
    way: String,
}

impl Place {
    /// At the top.
    pub(super) fn named(name: &str) -> Self {
        Self {
            line: None,
            way: name.to_owned(),
        }
    }

    /// Further down.
    pub(super) fn below(&self, name: &str) -> Self {
        Self {
            line: self.line,
            way: format!("{} › {name}", self.way),
        }
    }

    /// The same, and its line.
    pub(super) fn at(self, line: Option<u64>) -> Self {
        Self { line, ..self }
    }

    /// What is wrong here.
    pub(super) fn problem(&self, words: impl Into<String>) -> Problem {
        Problem {
            line: self.line,
            place: self.way.clone(),
            words: words.into(),
        }
    }
}

/// There is no such thing; what may have been meant.
pub(super) fn unknown<'n>(what: &str, name: &str, known: impl Iterator<Item = &'n str> + Clone) -> String {
    let wanted = name.to_lowercase();
    let likeness = |known: &str| strsim::normalized_damerau_levenshtein(&wanted, &known.to_lowercase());
    let nearest = known
        .clone()
        .map(|known| (likeness(known), known))
        .filter(|(likeness, _)| *likeness >= ALIKE)
        .max_by(|(one, _), (other, _)| one.total_cmp(other));
    if let Some((_, nearest)) = nearest {
        return format!("there is no {what} {name:?}; did you mean {nearest:?}?");
    }
    let known: Vec<_> = known.collect();
    match known.is_empty() {
        true => format!("there is no {what} {name:?}; there are none"),
        false => format!("there is no {what} {name:?}; there are {}", known.join(", ")),
    }
}
