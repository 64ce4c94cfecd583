//! Step 3, pure: a report against the rule.

use secops::{ParameterError, Parameters};
use virustotal::report::Engine;

use crate::definition::{ENGINE_ALLOWLIST, ENGINE_PERCENTAGE};

/// When an entity is risky.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    /// Engines that must flag it at least.
    threshold: u32,
    /// Percentage of the engines that must flag it as well.
    percentage: Option<u32>,
    /// The engines that count, as they were typed; empty is all of them.
    allowlist: Vec<String>,
}

/// Our judgement of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Engines that flag the object, of those that count.
    pub positives: u64,
    /// Engines that answered, of those that count, where the report says so.
    pub total: Option<u64>,
    /// Positives from which an entity is risky.
    pub threshold: u32,
    /// Percentage of `total` that the positives must reach as well.
    pub percentage: Option<u32>,
    /// Whether only some engines count.
    pub allowed_only: bool,
}

impl Rule {
    /// Only the number counts.
    pub(crate) fn of_threshold(threshold: u32) -> Self {
        Self {
            threshold,
            percentage: None,
            allowlist: Vec::new(),
        }
    }

    /// The same with what the parameters say beyond the threshold.
    pub(crate) fn refined(mut self, parameters: &Parameters) -> Result<Self, ParameterError> {
        self.percentage = parameters.whole_number(ENGINE_PERCENTAGE, 1)?;
        if let Some(percentage) = self.percentage.filter(|percentage| *percentage > 100) {
            let expected = "a percentage from 1 to 100";
            return Err(ParameterError::invalid(
                ENGINE_PERCENTAGE,
                expected,
                &percentage.to_string(),
            ));
        }
        let names = parameters.text(ENGINE_ALLOWLIST)?.unwrap_or_default();
        let names = names.split(',').map(|name| name.trim().to_owned());
        self.allowlist = names.filter(|name| !name.is_empty()).collect();
        Ok(self)
    }

    /// `positives` and `total` as the report sums them up, and what each engine says. A report without the number flags
    /// nothing. Source: the original.
    pub(crate) fn judge(&self, positives: Option<u64>, total: Option<u64>, engines: &[Engine]) -> Verdict {
        let verdict = Verdict {
            positives: positives.unwrap_or(0),
            total,
            threshold: self.threshold,
            percentage: self.percentage,
            allowed_only: false,
        };
        if self.allowlist.is_empty() {
            return verdict;
        }
        let counting = || engines.iter().filter(|engine| self.counts(&engine.name));
        Verdict {
            positives: counting().filter(|engine| engine.detected).count() as u64,
            total: Some(counting().count() as u64),
            allowed_only: true,
            ..verdict
        }
    }

    fn counts(&self, engine: &str) -> bool {
        let engine = engine.to_lowercase();
        self.allowlist.iter().any(|name| name.to_lowercase() == engine)
    }

    /// Names on the allowlist that none of the engines has: slips, as a rule.
    pub(crate) fn unknown<'a>(&self, engines: impl Iterator<Item = &'a str>) -> Vec<String> {
        let known: std::collections::HashSet<String> = engines.map(str::to_lowercase).collect();
        let unknown = self
            .allowlist
            .iter()
            .filter(|name| !known.contains(&name.to_lowercase()));
        unknown.cloned().collect()
    }

    /// Whether only some engines count.
    pub(crate) fn has_allowlist(&self) -> bool {
        !self.allowlist.is_empty()
    }
}

impl Verdict {
    /// Whether the positives reach the threshold (source: the contract, for every action), and the percentage where there
    /// is one. Of a report that does not say how many engines answered, only the number counts.
    #[must_use]
    pub fn risky(&self) -> bool {
        let reaches_share = |percentage: u32| {
            self.total.is_none_or(|total| {
                self.positives.saturating_mul(100) >= total.saturating_mul(u64::from(percentage))
            })
        };
        self.positives >= u64::from(self.threshold) && self.percentage.is_none_or(reaches_share)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use secops::Parameters;
    use virustotal::report::Engine;

    use super::Rule;

    fn risky(positives: u64, threshold: u32) -> bool {
        Rule::of_threshold(threshold)
            .judge(Some(positives), Some(60), &[])
            .risky()
    }

    proptest! {
        #[test]
        fn a_higher_threshold_never_makes_more_entities_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u32..200) {
            prop_assert!(risky(positives, threshold) || !risky(positives, threshold + more));
        }

        #[test]
        fn more_positives_never_make_an_entity_less_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u64..200) {
            prop_assert!(!risky(positives, threshold) || risky(positives + more, threshold));
        }
    }

    #[test]
    fn reaching_the_threshold_is_enough() {
        assert_eq!([risky(4, 5), risky(5, 5), risky(6, 5)], [false, true, true]);
    }

    #[test]
    fn a_percentage_must_be_reached_as_well() {
        let rule = |percentage: u32| {
            let parameters = Parameters::new().with("Engine Percentage Threshold", percentage);
            Rule::of_threshold(3).refined(&parameters)
        };
        let risky = |percentage, positives, total| {
            rule(percentage)
                .unwrap()
                .judge(Some(positives), total, &[])
                .risky()
        };
        assert!(risky(10, 6, Some(60)) && !risky(10, 5, Some(60)));
        assert!(!risky(1, 2, Some(60)), "the threshold still counts");
        assert!(risky(50, 3, None), "a share of an unknown number can't be missed");
        assert!(rule(101).is_err() && rule(0).is_err());
    }

    #[test]
    fn only_engines_on_the_allowlist_count() {
        let engine = |name: &str, detected| Engine {
            name: name.to_owned(),
            detected,
            result: None,
            update: None,
        };
        let engines = [
            engine("ESET-NOD32", true),
            engine("Bkav", true),
            engine("Kaspersky", false),
        ];
        let parameters = Parameters::new().with("Engine Allowlist", " eset-nod32,, KASPERSKY, Typo ");
        let rule = Rule::of_threshold(2).refined(&parameters).unwrap();
        let verdict = rule.judge(Some(40), Some(70), &engines);
        assert_eq!(
            (verdict.positives, verdict.total, verdict.risky()),
            (1, Some(2), false)
        );
        assert_eq!(
            rule.unknown(engines.iter().map(|engine| engine.name.as_str())),
            ["Typo"]
        );
    }
}
