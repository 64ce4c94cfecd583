//! What a row is played on: a home, a VirusTotal, where wanted a platform, and the program with nothing of this machine's settings.

use std::any::Any;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use simulator::{KeyKind, Running, Simulator};
use tempfile::TempDir;
use test_platform::{
    Alert, Builder, Case, Context, Drive, Entity, Form, Host, Launch, Platform, TargetFormat,
};
use tokio::runtime::Runtime;

use crate::around::Around;
use crate::fault::{Act, Fault};
use crate::told::{self, Told};

/// Recognisable, so that it can be looked for where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
/// The same for what proxies and servers are told.
pub(crate) const SWORDFISH: &str = "a-swordfish-to-look-for";
/// Nobody listens there.
pub(crate) const NOBODY: &str = "127.0.0.1:1";

/// Of simulators, and of what talks to servers.
pub(crate) static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| Runtime::new().unwrap());

/// The stage of one row.
pub(crate) struct Stage {
    pub(crate) home: TempDir,
    pub(crate) virustotal: Running,
    /// Variables of the program's environment.
    pub(crate) environment: BTreeMap<String, String>,
    /// Values of `{name}` in arguments and in words that must be said.
    pub(crate) names: BTreeMap<&'static str, String>,
    /// Texts that must not be shown or kept anywhere.
    pub(crate) secrets: Vec<String>,
    pub(crate) around: Around,
    pub(crate) platform: Option<Platform>,
    pub(crate) context: Context,
    pub(crate) form: Form,
    /// Where the platform wants the log, if not in the working folder.
    pub(crate) log: Option<&'static str>,
    /// Where the platform is, if not where it is.
    pub(crate) host: Option<Host>,
    /// Folders of the processes that the platform started.
    pub(crate) launches: Vec<Launch>,
    /// What must last as long as the row.
    pub(crate) held: Vec<Box<dyn Any>>,
    pub(crate) seconds: u64,
}

/// Three files that no engine flags.
fn hashes() -> [String; 3] {
    [1, 2, 3].map(|n| simulator::file_with_positives(0, n).sha256)
}

impl Stage {
    pub(crate) fn of(fault: &Fault) -> Self {
        let builder = Simulator::builder()
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_millis(300));
        let virustotal = RUNTIME.block_on((fault.simulator)(builder).start()).unwrap();
        let home = tempfile::tempdir().unwrap();
        let [a, b, c] = hashes();
        let names = BTreeMap::from([
            ("a", a),
            ("b", b),
            ("c", c),
            ("home", home.path().to_str().unwrap().to_owned()),
            ("nobody", NOBODY.to_owned()),
            ("virustotal", virustotal.origin()),
            ("url", "http://unknown.example/1".to_owned()),
        ]);
        let pairs = [
            ("HOME", home.path().to_str().unwrap()),
            ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"),
            ("VTSECOPS_VIRUSTOTAL_URL", &virustotal.base_url()),
            ("VTSECOPS_API_KEY", KEY),
            ("VTSECOPS_TIER", "private"),
            // The simulator has no quota unless a row gives it one.
            ("VTSECOPS_QUOTA_PER_MINUTE", "none"),
            ("VTSECOPS_POLL_EVERY", "200ms"),
            ("VTSECOPS_OUTPUT", "json"),
        ];
        let environment = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let mut stage = Self {
            environment: environment.into(),
            names,
            secrets: vec![KEY.to_owned(), SWORDFISH.to_owned()],
            around: Around::Nothing,
            platform: None,
            context: Context::new(),
            form: Form::Legacy,
            log: None,
            host: None,
            launches: Vec::new(),
            held: Vec::new(),
            seconds: fault.seconds,
            virustotal,
            home,
        };
        if let Act::Action(_) = fault.act {
            stage.set_up_platform(|platform| platform);
        }
        stage
    }

    /// A platform with a case of three hashes, which are its targets.
    pub(crate) fn set_up_platform(&mut self, more: impl FnOnce(Builder) -> Builder) {
        let upper = hashes().map(|hash| hash.to_uppercase());
        let entities = upper.iter().map(|hash| Entity::stored(hash, "FILEHASH"));
        let case = Case::new(17).alert(Alert::new("ALERT-1").entities(entities));
        let builder = Platform::builder()
            .configuration("instance-1", [("Api Key", KEY), ("Verify SSL", "True")])
            .case(case);
        let platform = more(builder).start().unwrap();
        self.secrets.push(platform.key().to_owned());
        self.names.insert("platform", platform.address().to_string());
        self.platform = Some(platform);
        let targets = upper.iter().map(|hash| (hash.as_str(), "FILEHASH"));
        self.context = Context::new()
            .targets(TargetFormat::New, targets)
            .parameter("Threshold", "3")
            .parameter("Create Insight", "true")
            .deadline_in(Duration::from_secs(self.seconds.min(20)));
        // The stores outlive the process, as they do on a machine.
        for (variable, folder) in [
            ("VTSECOPS_STATE_FOLDER", "state"),
            ("VTSECOPS_CACHE_FOLDER", "cache"),
        ] {
            let folder = self.home.path().join(folder);
            self.set(variable, folder.to_str().unwrap());
        }
        // The platform tells the key.
        self.environment.remove("VTSECOPS_API_KEY");
    }

    pub(crate) fn platform(&self) -> &Platform {
        self.platform.as_ref().unwrap()
    }

    pub(crate) fn set(&mut self, variable: &str, value: &str) {
        self.environment.insert(variable.to_owned(), value.to_owned());
    }

    /// Lets the row speak of something by a name.
    pub(crate) fn call(&mut self, name: &'static str, value: impl Into<String>) {
        self.names.insert(name, value.into());
    }

    /// Keeps something for as long as the row lasts.
    pub(crate) fn hold(&mut self, thing: impl Any) {
        self.held.push(Box::new(thing));
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.home.path().join(name)
    }

    /// Writes a file; gives its path.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// The text with what the stage knows in the places of names.
    pub(crate) fn filled(&self, text: &str) -> String {
        let mut filled = text.to_owned();
        for (name, value) in &self.names {
            filled = filled.replace(&format!("{{{name}}}"), value);
        }
        filled
    }

    /// The program.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let (program, leading) = self.around.start(self.longest());
        let mut command = Command::new(program);
        command
            .args(leading)
            .args(arguments.iter().map(|argument| self.filled(argument)))
            .env_clear()
            .envs(&self.environment)
            .current_dir(self.home.path());
        command
    }

    pub(crate) fn longest(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    /// A command to its end.
    pub(crate) fn shell(&self, arguments: &[&str]) -> Told {
        told::ran(self.command(arguments), self.longest())
    }

    /// Plays what the row plays.
    pub(crate) fn play(&mut self, act: &Act) -> Told {
        match act {
            Act::Shell(arguments) => self.shell(arguments),
            Act::Action(name) => self.action(name),
            Act::Scene(_, play) => play(self),
        }
    }

    /// An action as the platform starts it; not run yet.
    pub(crate) fn launch(&self, action: &str) -> Launch {
        let (program, mut leading) = self.around.start(self.longest());
        leading.extend(["action".into(), action.into()]);
        let host = self.host.clone().unwrap_or_else(|| self.platform().host());
        let context = self
            .context
            .clone()
            .set("action_definition_name", format!("VirusTotal_{action}"));
        let mut launch = Launch::new(program, &leading, host).unwrap();
        launch = launch
            .context(context)
            .form(self.form)
            .limit(self.longest() + Duration::from_secs(5));
        for (name, value) in self.environment.iter().filter(|(name, _)| *name != "HOME") {
            launch = launch.variable(name, value);
        }
        let log = launch.work_folder().join("script.log");
        launch.option("--logPath", self.log.map_or(log, Into::into))
    }

    /// An action until it is done.
    pub(crate) fn action(&mut self, action: &str) -> Told {
        let launch = self.launch(action);
        let begun = std::time::Instant::now();
        let runs = test_platform::drive(&launch, Drive::default()).unwrap();
        let asked = launch.its_context().asked();
        let mut wrong = self.platform().violations();
        // Where a signal ended it, there is nothing to hold against the protocol.
        let sound = runs.iter().filter(|run| run.code == Some(0));
        wrong.extend(sound.flat_map(|run| test_platform::check_run(run, &asked)));
        let last = runs.last().unwrap();
        let log = std::fs::read_to_string(launch.work_folder().join("script.log")).unwrap_or_default();
        let told = Told {
            code: last.code,
            out: String::from_utf8_lossy(&last.stdout).into_owned(),
            err: format!("{}{log}", last.stderr),
            message: last.message(),
            state: last.state(),
            document: last.document.clone().unwrap_or_default(),
            timed_out: last.timed_out,
            took: begun.elapsed(),
            wrong,
        };
        self.launches.push(launch);
        told
    }

    /// Submissions of URLs that VirusTotal has taken, perhaps without saying so.
    pub(crate) fn submissions(&self) -> Vec<String> {
        let calls = self.virustotal.calls().into_iter();
        let scans = calls.filter(|call| call.endpoint == "url/scan");
        scans.flat_map(|call| call.resources).collect()
    }
}
