//! The verdict at a glance: engines by what they say.

use maud::{Markup, html};
use serde::Deserialize;
use serde_json::Map;
use serde_json::value::RawValue;

use super::layout::visible;

/// Width of the bar, in its own units.
const WIDTH: f64 = 600.0;
/// What URL scanners say of what they have not rated.
const UNRATED: &str = "unrated site";

/// Engines by what they say, each with its words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Engines {
    flag: Vec<(String, String)>,
    do_not: Vec<(String, String)>,
    unrated: Vec<(String, String)>,
}

/// Engines that say the same, and their part of the bar.
struct Group<'a> {
    level: &'static str,
    words: &'static str,
    engines: &'a [(String, String)],
    from: f64,
    width: f64,
}

#[derive(Deserialize)]
struct ReportView {
    #[serde(default)]
    scans: Option<Map<String, serde_json::Value>>,
}

impl Engines {
    /// The engines of a report; `None` where it has none.
    pub(super) fn of(report: &RawValue) -> Option<Self> {
        let view: ReportView = serde_json::from_str(report.get()).ok()?;
        let mut engines = Self::default();
        for (name, scan) in view.scans? {
            let words = scan
                .get("result")
                .and_then(serde_json::Value::as_str)
                .unwrap_or_default();
            let engine = (name, words.to_owned());
            match scan.get("detected").and_then(serde_json::Value::as_bool) {
                Some(true) => engines.flag.push(engine),
                Some(false) if words == UNRATED => engines.unrated.push(engine),
                Some(false) => engines.do_not.push(engine),
                None => engines.unrated.push(engine),
            }
        }
        for group in [&mut engines.flag, &mut engines.do_not, &mut engines.unrated] {
            group.sort_by_key(|(name, _)| name.to_lowercase());
        }
        (engines.all() > 0).then_some(engines)
    }

    fn all(&self) -> usize {
        self.flag.len() + self.do_not.len() + self.unrated.len()
    }

    /// Those that there are, from left to right in the bar.
    fn groups(&self) -> Vec<Group<'_>> {
        let all = [
            ("bad", "flag it", &self.flag),
            ("good", "do not", &self.do_not),
            ("dim", "have not rated it", &self.unrated),
        ];
        #[expect(clippy::cast_precision_loss, reason = "there are about a hundred engines")]
        let share = |engines: usize| engines as f64 / self.all() as f64 * WIDTH;
        let mut from = 0.0;
        let mut groups = Vec::with_capacity(all.len());
        for (level, words, engines) in all.into_iter().filter(|(_, _, engines)| !engines.is_empty()) {
            let width = share(engines.len());
            groups.push(Group {
                level,
                words,
                engines,
                from,
                width,
            });
            from += width;
        }
        groups
    }

    /// A bar, and the engines behind each part of it.
    pub(super) fn picture(&self) -> Markup {
        let groups = self.groups();
        let words: Vec<String> = groups
            .iter()
            .map(|group| format!("{} {}", group.engines.len(), group.words))
            .collect();
        let label = format!("Of {} engines {}", self.all(), words.join(", "));
        html! {
            svg.verdict viewBox=(format!("0 0 {WIDTH} 24")) role="img" aria-label=(label) preserveAspectRatio="none" {
                @for group in &groups {
                    rect class=(group.level) x=(format!("{:.1}", group.from)) y="0" width=(format!("{:.1}", group.width)) height="24" {}
                }
            }
            p { (label) "." }
            @for group in &groups {
                details open[group.level == "bad"] {
                    summary { span class=(format!("mark {}", group.level)) { (group.engines.len()) } " " (group.words) }
                    dl.facts.engines {
                        @for (name, says) in group.engines {
                            dt { bdi { (visible(name)) } } dd { bdi { (visible(says)) } }
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use super::Engines;

    fn engines(report: &str) -> Option<Engines> {
        Engines::of(&RawValue::from_string(report.to_owned()).unwrap())
    }

    #[test]
    fn engines_stand_with_those_that_say_the_same() {
        let report = r#"{"scans": {"b": {"detected": true, "result": "Trojan"}, "A": {"detected": true},
            "c": {"detected": false, "result": "unrated site"}, "d": {"detected": false, "result": "clean site"}, "e": {}}}"#;
        let engines = engines(report).unwrap();
        let names =
            |group: &[(String, String)]| group.iter().map(|(name, _)| name.clone()).collect::<String>();
        assert_eq!(
            (
                names(&engines.flag),
                names(&engines.do_not),
                names(&engines.unrated)
            ),
            ("Ab".to_owned(), "d".to_owned(), "ce".to_owned())
        );
        let picture = engines.picture().into_string();
        assert!(
            picture.contains("Of 5 engines 2 flag it, 1 do not, 2 have not rated it"),
            "{picture}"
        );
    }

    #[test]
    fn a_report_without_engines_has_no_picture() {
        for report in [
            "{}",
            r#"{"scans": null}"#,
            r#"{"scans": {}}"#,
            r#"{"scans": []}"#,
            "[]",
            "3",
        ] {
            assert_eq!(engines(report), None, "{report}");
        }
    }
}
