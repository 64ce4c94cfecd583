//! The output message: clean sentences that keep the original's key phrases, because conditions search for them.

use secops::ExecutionState;

/// The original's sentence for a refused key, and what to do.
pub(crate) const KEY_REFUSED: &str =
    "Invalid API key was provided. Access is forbidden. Check that the key is complete and not revoked.";

/// One action's headings. Source: the original's messages.
pub(crate) struct Words {
    /// There is no entity of the right type.
    pub(crate) nothing: &'static str,
    pub(crate) found: &'static str,
    pub(crate) fresh: &'static str,
    pub(crate) missing: &'static str,
    pub(crate) failed: &'static str,
    pub(crate) rescan_refused: &'static str,
    pub(crate) rescan_failed: &'static str,
    pub(crate) quota: &'static str,
    pub(crate) queued: &'static str,
    pub(crate) stopped: &'static str,
    /// Said after the found ones.
    pub(crate) advice: Option<&'static str>,
}

/// Which entity ended how, by name, some with a reason.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) found: Vec<String>,
    pub(crate) fresh: Vec<String>,
    pub(crate) missing: Vec<String>,
    pub(crate) failed: Vec<String>,
    pub(crate) rescan_refused: Vec<String>,
    pub(crate) rescan_failed: Vec<String>,
    pub(crate) quota: Vec<String>,
    pub(crate) queued: Vec<String>,
    pub(crate) stopped: Vec<String>,
    pub(crate) malformed: Vec<String>,
    pub(crate) internal: Vec<String>,
    pub(crate) refused: Vec<String>,
    pub(crate) key_refused: bool,
    /// Whatever else people must know, a sentence each.
    pub(crate) notices: Vec<String>,
}

/// `name (reason)`.
pub(crate) fn with_reason(name: &str, reason: &str) -> String {
    format!("{name} ({reason})")
}

impl Tally {
    /// Objects that VirusTotal answered about.
    fn answered(&self) -> usize {
        [
            &self.found,
            &self.fresh,
            &self.missing,
            &self.rescan_refused,
            &self.rescan_failed,
        ]
        .iter()
        .map(|names| names.len())
        .sum()
    }

    fn unfinished(&self) -> usize {
        self.queued.len() + self.stopped.len()
    }

    /// Whether the action did what it could: false when nothing was analysed although something was to be.
    pub(crate) fn success(&self) -> bool {
        let in_vain = self.failed.len() + self.quota.len() + self.unfinished() + self.malformed.len();
        !self.key_refused && (self.answered() > 0 || in_vain == 0)
    }

    /// How the run ended; `unfinished` is what it is when analyses are under way or entities were not reached.
    pub(crate) fn execution_state(&self, unfinished: ExecutionState) -> ExecutionState {
        let in_vain = self.failed.len() + self.quota.len();
        if self.key_refused {
            ExecutionState::Failed
        } else if self.unfinished() > 0 {
            unfinished
        } else if self.answered() == 0 && in_vain > 0 {
            ExecutionState::Failed
        } else {
            ExecutionState::Completed
        }
    }

    /// The message: a heading and one name a line for each way to end that occurred.
    pub(crate) fn message(&self, words: &Words) -> String {
        let sections = [
            (words.found, &self.found),
            (words.fresh, &self.fresh),
            (words.missing, &self.missing),
            (words.rescan_refused, &self.rescan_refused),
            (words.rescan_failed, &self.rescan_failed),
            (words.queued, &self.queued),
            (words.quota, &self.quota),
            (words.stopped, &self.stopped),
            (words.failed, &self.failed),
            (
                "The following were skipped because they are malformed:",
                &self.malformed,
            ),
            (
                "The following were skipped because they are internal and must not leave the network:",
                &self.internal,
            ),
            (
                "The following were not uploaded because they must not be:",
                &self.refused,
            ),
        ];
        let mut parts = Vec::new();
        if self.key_refused {
            parts.push(KEY_REFUSED.to_owned());
        }
        for (heading, names) in sections.into_iter().filter(|(_, names)| !names.is_empty()) {
            parts.push(format!("{heading}\n{}", names.join("\n")));
        }
        if parts.is_empty() {
            parts.push(words.nothing.to_owned());
        }
        if !self.found.is_empty() {
            parts.extend(words.advice.map(str::to_owned));
        }
        parts.extend(self.notices.iter().cloned());
        parts.join("\n\n")
    }
}

pub(crate) static DOMAIN_WORDS: Words = Words {
    nothing: "No HOSTNAME or USER entities were found in current scope.",
    found: "The following entities were submitted and analyzed in VirusTotal:",
    fresh: "",
    missing: "The following entities were not found in VirusTotal:",
    failed: "The following entities were failed in VirusTotal:",
    rescan_refused: "",
    rescan_failed: "",
    quota: "The following entities were not enriched due to reaching API request limitation:",
    queued: "",
    stopped: "The following entities were not analyzed before time ran out:",
    advice: Some("*Check online report for full details."),
};

pub(crate) static IP_WORDS: Words = Words {
    nothing: "No ADDRESS entities were found in current scope.",
    found: "The following IPs were submitted and analyzed in VirusTotal:",
    fresh: "",
    missing: "The following IPs were not found in VirusTotal:",
    failed: "The following IPs were failed in VirusTotal:",
    rescan_refused: "",
    rescan_failed: "",
    quota: "The following IPs were not analyzed due to reaching API request limitation:",
    queued: "",
    stopped: "The following IPs were not analyzed before time ran out:",
    advice: Some("*Check online report for full details."),
};

pub(crate) static HASH_WORDS: Words = Words {
    nothing: "No FILE HASH entities were found in current scope.",
    found: "Reports were fetched for the following hashes:",
    fresh: "Rescan the following hashes (done, the new reports are used):",
    missing: "The following hashes do not exist on VirusTotal (file was never scanned before):",
    failed: "The following hashes have failed:",
    rescan_refused: "Failed to rescan the following hashes (provided API Key is for public API, but private API access \
                     is required); the existing reports are used:",
    rescan_failed: "Failed to rescan the following hashes; the existing reports are used:",
    quota: "Reports were not fetched for the following hashes due to reaching API request limitation:",
    queued: "The following hashes are still queued for analysis:",
    stopped: "Reports were not fetched for the following hashes before time ran out:",
    advice: None,
};

pub(crate) static URL_WORDS: Words = Words {
    nothing: "No URL entities were found in current scope.",
    found: "Reports were fetched for the following urls:",
    fresh: "Reports were fetched for the following urls (of a new analysis):",
    missing: "The following urls does not exist on VirusTotal (url was never scanned before):",
    failed: "The following urls have failed:",
    rescan_refused: "Failed to rescan the following urls (the API Key is not allowed to); the existing reports are used:",
    rescan_failed: "Failed to rescan the following urls; the existing reports are used:",
    quota: "Reports were not fetched for the following urls due to reaching API request limitation:",
    queued: "The following urls are still queued for analysis:",
    stopped: "Reports were not fetched for the following urls before time ran out:",
    advice: None,
};

pub(crate) static FILE_WORDS: Words = Words {
    nothing: "No files were given.",
    found: "Reports were fetched for the following files (VirusTotal knew them, nothing was uploaded):",
    fresh: "The following files were uploaded to VirusTotal for scan:",
    missing: "VirusTotal has never seen the following files, and the Upload Policy is not to upload them:",
    failed: "Failed to upload the following files:",
    rescan_refused: "",
    rescan_failed: "",
    quota: "The following files were not uploaded properly due to reaching API request limitation:",
    queued: "The following files were uploaded and are still queued for analysis:",
    stopped: "The following files were not uploaded before time ran out:",
    advice: None,
};

pub(crate) static RELATIONSHIP_WORDS: Words = Words {
    found: "What is related to the following was fetched:",
    quota: "What is related to the following was not fetched due to reaching API request limitation:",
    stopped: "What is related to the following was not fetched before time ran out:",
    ..NOTE_WORDS
};

pub(crate) static COMMENT_WORDS: Words = Words {
    found: "The comment is on the following:",
    quota: "The comment was not added to the following due to reaching API request limitation:",
    stopped: "The comment was not added to the following before time ran out:",
    ..NOTE_WORDS
};

pub(crate) static VOTE_WORDS: Words = Words {
    found: "The vote is on the following:",
    quota: "The vote was not added to the following due to reaching API request limitation:",
    stopped: "The vote was not added to the following before time ran out:",
    ..NOTE_WORDS
};

pub(crate) static DOWNLOAD_WORDS: Words = Words {
    nothing: "No file hashes were found in current scope.",
    found: "The following files are here, each in a ZIP that only opens with its password:",
    missing: "VirusTotal does not have the following files:",
    quota: "The following files were not downloaded due to reaching API request limitation:",
    stopped: "The following files were not downloaded before time ran out:",
    ..NOTE_WORDS
};

const NO_OBJECTS: &str =
    "No file hashes, URLs, IP addresses, host names or domains were found in current scope.";

const NOTE_WORDS: Words = Words {
    nothing: NO_OBJECTS,
    found: "",
    fresh: "",
    missing: "VirusTotal has never seen the following:",
    failed: "The following have failed:",
    rescan_refused: "",
    rescan_failed: "",
    quota: "",
    queued: "",
    stopped: "",
    advice: None,
};

#[cfg(test)]
mod tests {
    use secops::ExecutionState::{Completed, Failed, TimedOut};

    use super::{HASH_WORDS, Tally};

    fn one() -> Vec<String> {
        vec!["x".to_owned()]
    }

    #[test]
    fn success_is_false_only_when_nothing_was_analysed_although_something_was_to_be() {
        assert!(Tally::default().success());
        assert!(
            Tally {
                internal: one(),
                ..Tally::default()
            }
            .success()
        );
        assert!(
            Tally {
                missing: one(),
                failed: one(),
                ..Tally::default()
            }
            .success()
        );
        for tally in [
            Tally {
                failed: one(),
                ..Tally::default()
            },
            Tally {
                quota: one(),
                ..Tally::default()
            },
            Tally {
                malformed: one(),
                ..Tally::default()
            },
            Tally {
                stopped: one(),
                ..Tally::default()
            },
            Tally {
                found: one(),
                key_refused: true,
                ..Tally::default()
            },
        ] {
            assert!(!tally.success());
        }
    }

    #[test]
    fn the_state_says_how_the_run_ended() {
        let state = |tally: Tally| tally.execution_state(TimedOut);
        assert_eq!(state(Tally::default()), Completed);
        assert_eq!(
            state(Tally {
                found: one(),
                failed: one(),
                ..Tally::default()
            }),
            Completed
        );
        assert_eq!(
            state(Tally {
                failed: one(),
                ..Tally::default()
            }),
            Failed
        );
        assert_eq!(
            state(Tally {
                found: one(),
                queued: one(),
                ..Tally::default()
            }),
            TimedOut
        );
        assert_eq!(
            state(Tally {
                found: one(),
                key_refused: true,
                ..Tally::default()
            }),
            Failed
        );
    }

    #[test]
    fn nothing_to_do_is_said_in_the_originals_words() {
        assert_eq!(
            Tally::default().message(&HASH_WORDS),
            "No FILE HASH entities were found in current scope."
        );
    }
}
