//! Which engines count, and which of them are trusted; names are compared whatever their case.

use std::collections::HashSet;

use virustotal::report::Engine;

/// Names of engines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names(Vec<Name>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Name {
    written: String,
    lower: String,
}

/// The engines whose word counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Counting {
    #[default]
    All,
    /// Those of the parameter `Engine Allowlist`.
    Allowlist(Names),
    /// Those that the policy names.
    Only(Names),
    /// All but those that the policy names.
    AllBut(Names),
}

/// Some of the trusted engines must flag an object as well.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Quorum {
    pub(crate) trusted: Names,
    pub(crate) at_least: u32,
}

impl Names {
    pub(crate) fn of(names: impl IntoIterator<Item = String>) -> Self {
        let names = names.into_iter().map(|written| Name {
            lower: written.to_lowercase(),
            written,
        });
        Self(names.collect())
    }

    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn has(&self, engine: &str) -> bool {
        let engine = engine.to_lowercase();
        self.0.iter().any(|name| name.lower == engine)
    }

    /// As they were written.
    pub(crate) fn written(&self) -> impl Iterator<Item = &str> {
        self.0.iter().map(|name| name.written.as_str())
    }

    /// A name that stands there twice.
    pub(crate) fn twice(&self) -> Option<&str> {
        let mut seen = HashSet::new();
        let twice = self.0.iter().find(|name| !seen.insert(&name.lower))?;
        Some(&twice.written)
    }

    /// Names that none of the engines has, `known` in lower case: slips, as a rule.
    pub(crate) fn unknown<'a>(&'a self, known: &HashSet<String>) -> impl Iterator<Item = &'a str> {
        let unknown = self.0.iter().filter(|name| !known.contains(&name.lower));
        unknown.map(|name| name.written.as_str())
    }
}

impl Counting {
    pub(crate) fn counts(&self, engine: &str) -> bool {
        match self {
            Self::All => true,
            Self::Allowlist(names) | Self::Only(names) => names.has(engine),
            Self::AllBut(names) => !names.has(engine),
        }
    }
}

/// Whether an engine that does not flag the object calls it suspicious. Reports have no other sign of it: an engine's
/// own words, in API v2 (`suspicious site`) as in API v3.
pub(crate) fn suspects(engine: &Engine) -> bool {
    let says = |text: &String| text.to_ascii_lowercase().contains("suspicious");
    !engine.detected && engine.result.as_ref().is_some_and(says)
}
