//! A verdict in words, on one line.

use super::{Stale, Undecided, Verdict};

impl Verdict {
    /// Why it is what it is, such as `risky: 12 of 70 engines (at least 3), 2 of 5 trusted engines (at least 2)`. Only
    /// numbers of the report are in it, none of its texts.
    #[must_use]
    pub fn explanation(&self) -> String {
        if let Some(undecided) = self.undecided {
            return format!("no verdict: {}", undecided.reason());
        }
        let conditions = [self.count(), self.share(), self.quorum()];
        let of = |wanted: bool| {
            let fitting = conditions.iter().flatten().filter(|(holds, _)| *holds == wanted);
            let texts: Vec<&str> = fitting.map(|(_, text)| text.as_str()).collect();
            texts.join(", ")
        };
        let verdict = match (&conditions, of(true), of(false)) {
            // Below the threshold, nobody asks what else would have held.
            ([Some((false, count)), ..], ..) => format!("not risky: {count}"),
            (_, holding, failing) if failing.is_empty() => format!("risky: {holding}"),
            (_, holding, failing) => format!("not risky: {holding}, but only {failing}"),
        };
        match self.stale {
            Some(stale) => format!("{verdict}; {}", stale.in_words()),
            None => verdict,
        }
    }

    /// What there is to say of the threshold, and whether it is reached.
    fn count(&self) -> Option<(bool, String)> {
        let noun = engines(self.total.unwrap_or(self.positives), self.allowed_only);
        let counted = match self.total {
            Some(total) => format!("{} of {total} {noun}", self.positives),
            None => format!("{} {noun}", self.positives),
        };
        let suspecting = match self.suspecting {
            0 => String::new(),
            some => format!("; {some} merely suspect it"),
        };
        let text = format!("{counted} (at least {}{suspecting})", self.threshold);
        Some((self.reaches_threshold(), text))
    }

    fn share(&self) -> Option<(bool, String)> {
        let percentage = self.percentage?;
        // Rounded down, so that it reaches the percentage exactly where the positives do.
        let share = self.positives.saturating_mul(100).checked_div(self.total?)?;
        let text = format!("{share} % of the engines (at least {percentage} %)");
        Some((self.reaches_share(), text))
    }

    fn quorum(&self) -> Option<(bool, String)> {
        let trusted = self.trusted?;
        let noun = if trusted.total == 1 { "engine" } else { "engines" };
        let text = format!(
            "{} of {} trusted {noun} (at least {})",
            trusted.positives, trusted.total, trusted.at_least
        );
        Some((self.reaches_quorum(), text))
    }
}

fn engines(count: u64, allowed_only: bool) -> &'static str {
    match (count, allowed_only) {
        (1, true) => "allowed engine",
        (1, false) => "engine",
        (_, true) => "allowed engines",
        (_, false) => "engines",
    }
}

impl Undecided {
    /// The reason alone.
    pub(crate) fn reason(self) -> String {
        match self {
            Self::FewEngines {
                answered: 0,
                at_least,
            } => format!("no engine answered (at least {at_least})"),
            Self::FewEngines { answered, at_least } => {
                let noun = engines(answered, false);
                format!("only {answered} {noun} answered (at least {at_least})")
            }
            Self::NoEngines => "the report names no engines".to_owned(),
            Self::Stale(stale) => stale.in_words(),
            Self::Silent => {
                "VirusTotal tells neither what engines say of it nor what was found there".to_owned()
            }
        }
    }
}

impl Stale {
    fn in_words(self) -> String {
        // It is more than `at_most`, which is at least 1.
        format!(
            "the newest scan is {} days old (at most {})",
            self.days, self.at_most
        )
    }
}
