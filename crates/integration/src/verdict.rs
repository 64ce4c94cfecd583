//! Step 3, pure: a report against the threshold.

/// Our judgement of one report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Engines that flag the object.
    pub positives: u64,
    /// Engines that answered, where the report says so.
    pub total: Option<u64>,
    /// Positives from which an entity is risky.
    pub threshold: u32,
}

impl Verdict {
    /// Whether the positives reach the threshold. Source: the contract, for every action.
    #[must_use]
    pub fn risky(&self) -> bool {
        self.positives >= u64::from(self.threshold)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Verdict;

    proptest! {
        #[test]
        fn a_higher_threshold_never_makes_more_entities_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u32..200) {
            let risky = |threshold| Verdict { positives, total: None, threshold }.risky();
            prop_assert!(risky(threshold) || !risky(threshold + more));
        }

        #[test]
        fn more_positives_never_make_an_entity_less_risky(positives in 0_u64..200, threshold in 1_u32..200, more in 0_u64..200) {
            let risky = |positives| Verdict { positives, total: None, threshold }.risky();
            prop_assert!(!risky(positives) || risky(positives + more));
        }
    }

    #[test]
    fn reaching_the_threshold_is_enough() {
        let risky = |positives| {
            Verdict {
                positives,
                total: Some(60),
                threshold: 5,
            }
            .risky()
        };
        assert_eq!([risky(4), risky(5), risky(6)], [false, true, true]);
    }
}
