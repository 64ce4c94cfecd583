//! Rules of the community that match a file. Source: VirusTotal's reference, file attributes `sigma_analysis_…` and
//! `crowdsourced_ids_…`.

use serde_json::Value;

use crate::v3::shape::attribute::{count, fields, list, text};

/// How many rules match, by their severity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Severities {
    /// Only Sigma has it.
    pub critical: u64,
    /// High.
    pub high: u64,
    /// Medium.
    pub medium: u64,
    /// Low.
    pub low: u64,
    /// Only network rules have it.
    pub info: u64,
}

impl Severities {
    /// Matches of any severity.
    #[must_use]
    pub fn total(&self) -> u64 {
        [self.critical, self.high, self.medium, self.low, self.info]
            .into_iter()
            .fold(0, u64::saturating_add)
    }

    fn read(stats: &Value) -> Option<Self> {
        stats.as_object()?;
        let number = |name| count(stats, name).unwrap_or_default();
        Some(Self {
            critical: number("critical"),
            high: number("high"),
            medium: number("medium"),
            low: number("low"),
            info: number("info"),
        })
    }

    fn plus(self, other: Self) -> Self {
        Self {
            critical: self.critical.saturating_add(other.critical),
            high: self.high.saturating_add(other.high),
            medium: self.medium.saturating_add(other.medium),
            low: self.low.saturating_add(other.low),
            info: self.info.saturating_add(other.info),
        }
    }

    fn add(&mut self, severity: &str) {
        let counter = match severity {
            "critical" => &mut self.critical,
            "high" => &mut self.high,
            "medium" => &mut self.medium,
            "low" => &mut self.low,
            "info" => &mut self.info,
            _ => return,
        };
        *counter += 1;
    }
}

/// From the stats, else summed up over the sets of rules.
pub(super) fn sigma(attributes: &Value) -> Option<Severities> {
    attributes
        .get("sigma_analysis_stats")
        .and_then(Severities::read)
        .or_else(|| {
            let sets = fields(attributes, "sigma_analysis_summary")?.values();
            Some(
                sets.filter_map(Severities::read)
                    .fold(Severities::default(), Severities::plus),
            )
        })
}

/// From the stats, else counted from the alerts.
pub(super) fn ids(attributes: &Value) -> Option<Severities> {
    attributes
        .get("crowdsourced_ids_stats")
        .and_then(Severities::read)
        .or_else(|| {
            let mut severities = Severities::default();
            for alert in list(attributes, "crowdsourced_ids_results")? {
                severities.add(text(alert, "alert_severity").unwrap_or_default());
            }
            Some(severities)
        })
}

pub(super) fn ids_rules(attributes: &Value) -> Option<Vec<String>> {
    let mut names: Vec<String> = Vec::new();
    for name in list(attributes, "crowdsourced_ids_results")?
        .iter()
        .filter_map(|alert| text(alert, "rule_msg"))
    {
        if !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    Some(names)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Severities, ids, sigma};

    #[test]
    fn sets_of_sigma_rules_are_summed_up_where_stats_are_missing() {
        let attributes = json!({"sigma_analysis_summary": {
            "Set A": {"critical": 1, "high": 2, "medium": 0, "low": 0}, "Set B": {"high": 1}, "Set C": null,
        }});
        let expected = Severities {
            critical: 1,
            high: 3,
            ..Severities::default()
        };
        assert_eq!(sigma(&attributes), Some(expected));
    }

    #[test]
    fn stats_of_network_rules_go_first() {
        let attributes = json!({
            "crowdsourced_ids_stats": {"high": 1, "medium": 0, "low": 0, "info": 4},
            "crowdsourced_ids_results": [],
        });
        assert_eq!(ids(&attributes).map(|found| found.total()), Some(5));
        assert_eq!(ids(&json!({"crowdsourced_ids_stats": "none"})), None);
    }
}
