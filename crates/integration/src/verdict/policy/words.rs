//! A policy in words, for whoever wrote it.

use std::fmt;

use super::super::engines::{Counting, Names};
use super::{Policy, PolicyKind, Values};

/// A heading for each kind, and below it what must hold, a line each.
impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}: an entity is risky when all of this holds.", self.name)?;
        for kind in PolicyKind::ALL {
            let heading = match kind {
                PolicyKind::File => "Hashes and files",
                PolicyKind::Url => "URLs",
                PolicyKind::Ip => "IP addresses",
            };
            writeln!(f, "\n{heading}")?;
            for line in self.values(kind).lines(kind) {
                writeln!(f, "  {line}")?;
            }
            if kind == PolicyKind::Ip && !self.skipped_for_ip.is_empty() {
                let keys = self.skipped_for_ip.join(", ");
                writeln!(f, "  {keys}: not for IP addresses, whose reports name no engines")?;
            }
        }
        Ok(())
    }
}

impl Values {
    fn lines(&self, kind: PolicyKind) -> Vec<String> {
        let at_least = |number: u32| match number {
            1 => "at least 1 engine flags it".to_owned(),
            number => format!("at least {number} engines flag it"),
        };
        let threshold = self.threshold.map(|number| {
            let flag = at_least(number);
            format!("{flag}, unless the parameter Threshold says another number")
        });
        let threshold = threshold.unwrap_or_else(|| {
            let usual = kind.usual_threshold();
            format!("as many engines flag it as the parameter Threshold says (usually {usual})")
        });
        let percentage = self
            .percentage
            .map(|percentage| format!("at least {percentage} % of the engines that answered flag it"));
        let counting = match &self.counting {
            None | Some(Counting::All) => None,
            Some(Counting::Only(names) | Counting::Allowlist(names)) => {
                Some(format!("only these engines count: {}", in_words(names)))
            }
            Some(Counting::AllBut(names)) => Some(format!("these engines don't count: {}", in_words(names))),
        };
        let quorum = self.quorum.as_ref().map(|quorum| {
            let trusted = in_words(&quorum.trusted);
            format!(
                "at least {} of the trusted engines flag it: {trusted}",
                quorum.at_least
            )
        });
        let suspicious = self
            .count_suspicious
            .then(|| "an engine that merely suspects it flags it".to_owned());
        let minimum = self
            .minimum_engines
            .map(|number| format!("fewer than {number} engines answered: no verdict"));
        let newest = self.newest_scan.map(|newest| {
            let what = match newest.decides {
                true => "no verdict",
                false => "its age is said beside the verdict",
            };
            format!(
                "the newest scan is more than {} days old: {what}",
                newest.at_most_days
            )
        });
        let lines = [percentage, quorum, counting, suspicious, minimum, newest];
        std::iter::once(threshold)
            .chain(lines.into_iter().flatten())
            .collect()
    }
}

fn in_words(names: &Names) -> String {
    names.written().collect::<Vec<_>>().join(", ")
}
