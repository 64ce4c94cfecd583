//! Starts a program as the platform starts an action.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::Value;

use crate::call::Form;
use crate::context::Context;
use crate::process::{Run, Running};

/// Where the platform's API is, and the key to it.
#[derive(Clone, Debug)]
pub struct Host {
    /// Name or address.
    pub ip: String,
    /// Port of the plain HTTP server.
    pub port: u16,
    /// The key for the header `AppKey`.
    pub key: String,
    /// For the 1P form.
    pub project: String,
    /// For the 1P form.
    pub location: String,
    /// For the 1P form.
    pub instance: String,
}

/// What a remote agent adds.
#[derive(Clone, Debug)]
pub struct Remote {
    /// `SERVER_API_ROOT`.
    pub server_api_root: String,
    /// `environment_api_key` of the context, where there is one.
    pub environment_api_key: Option<String>,
    /// `case_data.json` in the working folder: a case with `cyber_alerts`.
    pub case: Value,
}

/// How a program is started. Its home and its working folder are its own, and gone with this.
pub struct Launch {
    program: PathBuf,
    leading: Vec<OsString>,
    host: Host,
    context: Context,
    options: Vec<OsString>,
    says_which_run: bool,
    environment: BTreeMap<OsString, OsString>,
    remote: Option<Remote>,
    limit: Duration,
    folder: tempfile::TempDir,
}

/// A process that lasts longer is killed.
const LIMIT: Duration = Duration::from_secs(60);

impl Launch {
    /// `program`, with these arguments before the platform's own.
    ///
    /// # Errors
    /// The system's, while making its folders.
    pub fn new<A: AsRef<OsStr>>(program: impl AsRef<Path>, leading: &[A], host: Host) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        for name in ["home", "work", "tmp"] {
            std::fs::create_dir(folder.path().join(name))?;
        }
        Ok(Self {
            program: program.as_ref().to_owned(),
            leading: leading
                .iter()
                .map(|argument| argument.as_ref().to_owned())
                .collect(),
            host,
            context: Context::new(),
            options: Vec::new(),
            says_which_run: true,
            environment: BTreeMap::new(),
            remote: None,
            limit: LIMIT,
            folder,
        })
    }

    /// What it reads.
    #[must_use]
    pub fn context(mut self, context: Context) -> Self {
        self.context = context;
        self
    }

    /// Another argument after the platform's first two, as it is.
    #[must_use]
    pub fn argument(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.options.push(argument.as_ref().to_owned());
        self
    }

    /// An option with its value as the next argument.
    #[must_use]
    pub fn option(self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.argument(name).argument(value)
    }

    /// `--baggage` with this text, encoded.
    #[must_use]
    pub fn baggage(self, text: &str) -> Self {
        self.option("--baggage", BASE64_STANDARD.encode(text))
    }

    /// The form of addresses that the program is told to use. Default: legacy.
    #[must_use]
    pub fn form(self, form: Form) -> Self {
        match form {
            Form::Legacy => self,
            Form::OnePlatform => self.argument("--onePlatformSupport"),
        }
    }

    /// Leaves out whether it is the first run, as some platforms may for synchronous actions.
    #[must_use]
    pub fn without_which_run(mut self) -> Self {
        self.says_which_run = false;
        self
    }

    /// One more variable.
    #[must_use]
    pub fn variable(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.into(), value.as_ref().to_owned());
        self
    }

    /// As a remote agent starts it.
    #[must_use]
    pub fn remote(mut self, remote: Remote) -> Self {
        self.remote = Some(remote);
        self
    }

    /// A process that lasts longer is killed. Default: a minute.
    #[must_use]
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Its working folder.
    #[must_use]
    pub fn work_folder(&self) -> PathBuf {
        self.folder.path().join("work")
    }

    /// Its home.
    #[must_use]
    pub fn home(&self) -> PathBuf {
        self.folder.path().join("home")
    }

    /// Its folder for temporary files.
    #[must_use]
    pub fn temporary_folder(&self) -> PathBuf {
        self.folder.path().join("tmp")
    }

    /// What it reads.
    #[must_use]
    pub fn its_context(&self) -> &Context {
        &self.context
    }

    /// The first run, to its end.
    ///
    /// # Errors
    /// The system's.
    pub fn run(&self) -> io::Result<Run> {
        self.start()?.wait()
    }

    /// A follow-up with the state of the run before it, to its end.
    ///
    /// # Errors
    /// The system's.
    pub fn follow_up(&self, additional_data: &str) -> io::Result<Run> {
        self.begin(Some(additional_data))?.wait()
    }

    /// Starts the first run.
    ///
    /// # Errors
    /// The system's.
    pub fn start(&self) -> io::Result<Running> {
        self.begin(None)
    }

    fn begin(&self, additional_data: Option<&str>) -> io::Result<Running> {
        let mut command = Command::new(&self.program);
        command.args(&self.leading).arg(&self.host.key);
        if self.says_which_run {
            command.arg(if additional_data.is_none() {
                "True"
            } else {
                "False"
            });
        }
        command
            .args(&self.options)
            .current_dir(self.work_folder())
            .env_clear();
        self.surround(&mut command);
        let mut context = self.context.clone();
        if let Some(remote) = &self.remote {
            std::fs::write(self.work_folder().join("case_data.json"), remote.case.to_string())?;
            command.env("SERVER_API_ROOT", &remote.server_api_root);
            if let Some(key) = &remote.environment_api_key {
                context = context.set("environment_api_key", key.as_str());
            }
        }
        command.envs(&self.environment);
        Running::start(command, context.to_bytes(additional_data), self.limit)
    }

    fn surround(&self, command: &mut Command) {
        command
            .env("HOME", self.home())
            .env("TMPDIR", self.temporary_folder())
            .env("APP_IP", &self.host.ip)
            .env("APP_PORT", self.host.port.to_string())
            .env("APP_USE_SSL", "False")
            .env("CLIENT_ADDRESS", "platform.example")
            .env("ONE_PLATFORM_URL_PROJECT", &self.host.project)
            .env("ONE_PLATFORM_URL_LOCATION", &self.host.location)
            .env("ONE_PLATFORM_URL_INSTANCE", &self.host.instance);
    }
}
