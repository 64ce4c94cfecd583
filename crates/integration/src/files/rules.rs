//! Which files may not be uploaded, whoever asks: a policy file in TOML.
//!
//! ```toml
//! [[refuse]]
//! rule = "personnel files stay in the house"    # what people are told
//! paths = ["/srv/personnel/**", "*.pst"]        # a pattern without / is for the name alone
//! types = ["pdf", "application/msword", "image/*"]
//! larger_than = "100 MB"                        # 1 MB is 1024 × 1024 bytes
//! environments = ["Customer A"]
//! ```
//!
//! A rule refuses a file that fits *everything* it says; of a list, one entry is enough.

use std::path::Path;

use globset::{Glob, GlobBuilder, GlobMatcher};
use serde::Deserialize;
use virustotal::{Error, Upload};

use super::HEAD_BYTES;
use crate::words::shown;

/// The rules of a policy file; without any, everything may be uploaded.
#[derive(Clone, Debug, Default)]
pub struct UploadRules(Vec<Rule>);

/// A policy file that can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct RulesError(String);

#[derive(Clone, Debug)]
struct Rule {
    name: String,
    paths: Option<Vec<PathPattern>>,
    types: Option<Vec<GlobMatcher>>,
    larger_than_bytes: Option<u64>,
    environments: Option<Vec<String>>,
}

#[derive(Clone, Debug)]
struct PathPattern {
    matcher: GlobMatcher,
    /// It is for the name alone.
    is_name: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRules {
    #[serde(default)]
    refuse: Vec<WireRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WireRule {
    rule: String,
    paths: Option<Vec<String>>,
    types: Option<Vec<String>>,
    larger_than: Option<String>,
    environments: Option<Vec<String>>,
}

/// What a rule looks at.
pub(crate) struct Candidate<'a> {
    /// As it was named, and where it really is.
    pub(crate) paths: [&'a Path; 2],
    pub(crate) size_bytes: u64,
    /// The first bytes of its content; only needed where [`UploadRules::need_content`].
    pub(crate) head: &'a [u8],
    pub(crate) environment: Option<&'a str>,
}

impl UploadRules {
    /// Reads a policy file's text.
    ///
    /// # Errors
    /// Says where the text is wrong, or which rule.
    pub fn parse(text: &str) -> Result<Self, RulesError> {
        Self::read(text).map_err(|RulesError(words)| RulesError(shown(&words)))
    }

    fn read(text: &str) -> Result<Self, RulesError> {
        let wire: WireRules =
            toml::from_str(text).map_err(|error| RulesError(error.to_string().trim_end().to_owned()))?;
        let rules = wire.refuse.into_iter().map(Rule::read);
        rules.collect::<Result<_, _>>().map(Self)
    }

    /// The rule that refuses a file which somebody else has sent: by the name it came with, its size and its content.
    ///
    /// # Errors
    /// The content can't be read.
    pub async fn refusing(
        &self,
        upload: &Upload,
        name: &str,
        environment: Option<&str>,
    ) -> Result<Option<&str>, Error> {
        let head = match self.need_content() {
            true => upload.head(HEAD_BYTES).await?,
            false => Vec::new(),
        };
        Ok(self.refusal(&Candidate {
            paths: [Path::new(name); 2],
            size_bytes: upload.size_bytes(),
            head: &head,
            environment,
        }))
    }

    /// Whether a rule looks at the content.
    pub(crate) fn need_content(&self) -> bool {
        self.0.iter().any(|rule| rule.types.is_some())
    }

    /// The first rule that refuses the file.
    pub(crate) fn refusal(&self, candidate: &Candidate<'_>) -> Option<&str> {
        let rule = self.0.iter().find(|rule| rule.fits(candidate))?;
        Some(&rule.name)
    }
}

impl Rule {
    fn read(wire: WireRule) -> Result<Self, RulesError> {
        let name = wire.rule;
        let wrong = |what: String| RulesError(format!("the rule {name:?}: {what}"));
        if wire.paths.is_none()
            && wire.types.is_none()
            && wire.larger_than.is_none()
            && wire.environments.is_none()
        {
            return Err(wrong(
                "it says nothing of paths, types, larger_than or environments, and would refuse everything"
                    .to_owned(),
            ));
        }
        let paths = wire.paths.map(|patterns| {
            let patterns = patterns.iter().map(|pattern| PathPattern::read(pattern));
            patterns.collect::<Result<_, _>>()
        });
        let types = wire.types.map(|patterns| {
            let read = |pattern: &String| {
                let lower = pattern.trim().trim_start_matches('.').to_ascii_lowercase();
                Glob::new(&lower).map(|glob| glob.compile_matcher())
            };
            patterns.iter().map(read).collect::<Result<_, _>>()
        });
        Ok(Self {
            paths: paths.transpose().map_err(|error| wrong(error.to_string()))?,
            types: types.transpose().map_err(|error| wrong(error.to_string()))?,
            larger_than_bytes: wire
                .larger_than
                .map(|text| bytes(&text))
                .transpose()
                .map_err(wrong)?,
            environments: wire.environments,
            name,
        })
    }

    fn fits(&self, candidate: &Candidate<'_>) -> bool {
        let is_one_of = |patterns: &Vec<PathPattern>| {
            let paths = candidate.paths.iter();
            paths
                .into_iter()
                .any(|path| patterns.iter().any(|pattern| pattern.fits(path)))
        };
        let has_type = |types: &Vec<GlobMatcher>| {
            let names = type_names(candidate);
            names
                .iter()
                .any(|name| types.iter().any(|kind| kind.is_match(name)))
        };
        let is_in = |environments: &Vec<String>| {
            let here = candidate.environment.unwrap_or_default();
            environments.iter().any(|name| name.eq_ignore_ascii_case(here))
        };
        self.paths.as_ref().is_none_or(is_one_of)
            && self
                .larger_than_bytes
                .is_none_or(|limit| candidate.size_bytes > limit)
            && self.environments.as_ref().is_none_or(is_in)
            && self.types.as_ref().is_none_or(has_type)
    }
}

impl PathPattern {
    fn read(pattern: &str) -> Result<Self, globset::Error> {
        let glob = GlobBuilder::new(pattern).literal_separator(true).build()?;
        Ok(Self {
            matcher: glob.compile_matcher(),
            is_name: !pattern.contains('/'),
        })
    }

    fn fits(&self, path: &Path) -> bool {
        match self.is_name {
            true => path.file_name().is_some_and(|name| self.matcher.is_match(name)),
            false => self.matcher.is_match(path),
        }
    }
}

/// What a file's type is called: by its content, and by its name.
fn type_names(candidate: &Candidate<'_>) -> Vec<String> {
    let [named, real] = candidate.paths;
    let mut names: Vec<String> = [named, real]
        .into_iter()
        .filter_map(|path| Some(path.extension()?.to_string_lossy().to_ascii_lowercase()))
        .collect();
    if let Some(kind) = infer::get(candidate.head) {
        names.push(kind.extension().to_owned());
        names.push(kind.mime_type().to_owned());
    }
    names
}

/// `100 MB`, `5KB`, `700`: in units of 1024.
fn bytes(text: &str) -> Result<u64, String> {
    let wrong = || format!("larger_than must be a size such as \"100 MB\", not {text:?}");
    let trimmed = text.trim();
    let digits = trimmed
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(trimmed.len());
    let (number, unit) = trimmed.split_at(digits);
    let factor: u64 = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 1,
        "KB" | "KIB" => 1 << 10,
        "MB" | "MIB" => 1 << 20,
        "GB" | "GIB" => 1 << 30,
        _ => return Err(wrong()),
    };
    let number: u64 = number.parse().map_err(|_| wrong())?;
    number.checked_mul(factor).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use proptest::prelude::*;

    use super::{Candidate, UploadRules};

    const RULES: &str = r#"
        [[refuse]]
        rule = "personnel"
        paths = ["/srv/personnel/**", "*.pst"]

        [[refuse]]
        rule = "documents of A"
        types = ["pdf", "image/*"]
        environments = ["Customer A"]

        [[refuse]]
        rule = "images of disks"
        larger_than = "1 MB"
        types = [".iso"]
    "#;

    fn refusal(path: &str, size_bytes: u64, head: &[u8], environment: Option<&str>) -> Option<String> {
        let rules = UploadRules::parse(RULES).unwrap();
        let candidate = Candidate {
            paths: [Path::new("/tmp/link"), Path::new(path)],
            size_bytes,
            head,
            environment,
        };
        rules.refusal(&candidate).map(str::to_owned)
    }

    #[test]
    fn a_file_that_fits_all_of_a_rule_is_refused_by_its_name() {
        assert_eq!(refusal("/srv/personnel/a/b", 1, b"", None).unwrap(), "personnel");
        assert_eq!(refusal("/home/x/mail.pst", 1, b"", None).unwrap(), "personnel");
        assert_eq!(refusal("/srv/personnel2/a", 1, b"", None), None);
        // By its content, whatever it is called; by its name where the content says nothing.
        let pdf = b"%PDF-1.7\n";
        assert_eq!(
            refusal("/tmp/x.bin", 1, pdf, Some("customer a")).unwrap(),
            "documents of A"
        );
        assert_eq!(
            refusal("/tmp/x.pdf", 1, b"", Some("Customer A")).unwrap(),
            "documents of A"
        );
        assert_eq!(refusal("/tmp/x.bin", 1, pdf, Some("Customer B")), None);
        assert_eq!(refusal("/tmp/x.bin", 1, pdf, None), None);
        assert_eq!(
            refusal("/tmp/x.bin", 1, b"\x89PNG\r\n\x1a\n", Some("Customer A")).unwrap(),
            "documents of A"
        );
        assert_eq!(refusal("/d.iso", 1 << 20, b"", None), None);
        assert_eq!(
            refusal("/d.iso", (1 << 20) + 1, b"", None).unwrap(),
            "images of disks"
        );
    }

    #[test]
    fn a_policy_file_that_means_nothing_is_refused_with_the_place() {
        let wrong = |text: &str| UploadRules::parse(text).unwrap_err().to_string();
        assert!(wrong("[[refuse]]\nrule = \"r\"").contains("would refuse everything"));
        assert!(
            wrong("[[refuse]]\nrule = \"r\"\nlarger_than = \"huge\"")
                .contains("the rule \"r\": larger_than must be a size such as \"100 MB\", not \"huge\"")
        );
        assert!(wrong("[[refuse]]\nrule = \"r\"\npath = [\"x\"]").contains("unknown field `path`"));
        assert!(wrong("[[refuse]]\nrule = \"r\"\npaths = [\"[\"]").contains("the rule \"r\""));
        assert!(wrong("nonsense").contains("line 1"));
        assert!(UploadRules::parse("").is_ok());
    }

    #[test]
    fn a_policy_file_can_not_write_to_the_terminal_by_what_is_wrong_with_it() {
        let long = "x".repeat(100_000);
        for text in [
            "%\u{1b}[2J".to_owned(),
            format!("[[refuse]]\nrule = \"{long}\""),
            "[[refuse]]\nrule = \"r\"\npaths = [\"[\\u001b\"]".to_owned(),
        ] {
            let words = UploadRules::parse(&text).unwrap_err().to_string();
            assert!(words.len() < 2000 && !words.contains('\u{1b}'), "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".*") {
            let _ = UploadRules::parse(&text);
        }
    }
}
