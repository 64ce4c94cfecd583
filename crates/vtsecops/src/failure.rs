//! Why the program ends early: composed once, here, for people.

use std::process::ExitCode;

use crate::exit::{self, Code};

/// What happened, and with which code the program ends.
#[derive(Debug)]
pub(crate) struct Failure {
    message: String,
    code: Code,
}

impl Failure {
    /// The command line or the settings can't be used.
    pub(crate) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: exit::USAGE,
        }
    }

    /// The command could not do its work.
    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: exit::FAILED,
        }
    }

    /// What happened, in words.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Tells it, and gives the code.
    pub(crate) fn report(self) -> ExitCode {
        crate::tell(&self.message);
        self.code.into()
    }
}

impl From<crate::settings::SettingsError> for Failure {
    fn from(error: crate::settings::SettingsError) -> Self {
        Self::usage(error.to_string())
    }
}
