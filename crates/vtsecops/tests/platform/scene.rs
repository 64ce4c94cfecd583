//! A simulator, a platform, and the binary between them.

use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use simulator::{KeyKind, Simulator};
use test_platform::{
    Alert, Builder, Call, Case, Context, Drive, Entity, Form, Launch, Platform, Run, TargetFormat, check_log,
    check_run, drive,
};
use tokio::runtime::Runtime;

use crate::behind::Behind;

/// Recognisable, so that a test can look for it where it must not be.
pub(crate) const KEY: &str = "c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00";
pub(crate) const HASH: &str = "FILEHASH";
pub(crate) const ADDRESS: &str = "ADDRESS";
pub(crate) const URL: &str = "DestinationURL";
pub(crate) const HOSTNAME: &str = "HOSTNAME";
pub(crate) const USER: &str = "USERUNIQNAME";
pub(crate) const ALERT: &str = "ALERT-1";

/// The name of the action as the command line takes it.
pub(crate) const PING: &str = "Ping";
pub(crate) const DOMAIN: &str = "Get Domain Report";
pub(crate) const SCAN_HASH: &str = "Scan Hash";
pub(crate) const SCAN_IP: &str = "Scan IP";
pub(crate) const SCAN_URL: &str = "Scan URL";
pub(crate) const UPLOAD: &str = "Upload And Scan File";

pub(crate) const FORMS: [Form; 2] = [Form::Legacy, Form::OnePlatform];
pub(crate) const FORMATS: [TargetFormat; 2] = [TargetFormat::New, TargetFormat::Old];

/// Once 12, always 12.
pub(crate) fn risky_hash(n: u64) -> String {
    simulator::file_with_positives(12, n).sha256
}

pub(crate) fn clean_hash(n: u64) -> String {
    simulator::file_with_positives(0, n).sha256
}

/// A name as the platform stores it.
pub(crate) fn stored(text: &str) -> String {
    text.to_uppercase()
}

pub(crate) fn case_of(entities: impl IntoIterator<Item = Entity>) -> Case {
    Case::new(17).alert(Alert::new(ALERT).entities(entities))
}

pub(crate) struct Scene {
    pub(crate) simulator: simulator::Running,
    pub(crate) platform: Platform,
    behind: Behind,
    runtime: Runtime,
}

impl Scene {
    pub(crate) fn new(entities: impl IntoIterator<Item = Entity>) -> Self {
        Self::with(|builder| builder.case(case_of(entities)), |simulator| simulator)
    }

    pub(crate) fn with(
        platform: impl FnOnce(Builder) -> Builder,
        simulator: impl FnOnce(simulator::Builder) -> simulator::Builder,
    ) -> Self {
        let runtime = Runtime::new().unwrap();
        let settings = Simulator::builder()
            .key(KEY, KeyKind::Private)
            .scan_for(Duration::from_millis(50));
        let running = runtime.block_on(simulator(settings).start()).unwrap();
        let platform = platform(
            Platform::builder().configuration("instance-1", [("Api Key", KEY), ("Verify SSL", "True")]),
        );
        let (platform, behind) = Behind::the(platform, &runtime);
        Self {
            simulator: running,
            platform: platform.start().unwrap(),
            behind,
            runtime,
        }
    }

    /// The action with a log file, as the platform starts it.
    pub(crate) fn launch(&self, action: &str, context: Context) -> Launch {
        let launch = self.bare(action, context);
        let log = log_file(&launch);
        launch.option("--logPath", log)
    }

    /// The action without options.
    pub(crate) fn bare(&self, action: &str, context: Context) -> Launch {
        Launch::new(
            env!("CARGO_BIN_EXE_vtsecops"),
            &["action", action],
            self.platform.host(),
        )
        .unwrap()
        .context(context.set("action_definition_name", format!("VirusTotal_{action}")))
        .variable("VTSECOPS_VIRUSTOTAL_URL", self.simulator.base_url())
        // The simulator has no quota unless a test gives it one.
        .variable("VTSECOPS_QUOTA_PER_MINUTE", "none")
    }

    /// One run that ends as the protocol says.
    pub(crate) fn run(&self, action: &str, context: Context) -> Run {
        let launch = self.launch(action, context);
        let run = launch.run().unwrap();
        self.sound(&launch, std::slice::from_ref(&run));
        run
    }

    /// An action to its end; every run ends as the protocol says.
    pub(crate) fn drive(&self, launch: &Launch) -> Vec<Run> {
        let runs = drive(launch, Drive::default()).unwrap();
        self.sound(launch, &runs);
        runs
    }

    /// Nothing is otherwise than the protocol says, and nothing secret is told.
    pub(crate) fn sound(&self, launch: &Launch, runs: &[Run]) {
        let mut wrong = self.platform.violations();
        wrong.extend(self.behind.check(&self.platform, &self.runtime));
        let log = std::fs::read_to_string(log_file(launch)).unwrap_or_default();
        wrong.extend(check_log(&log));
        for run in runs {
            wrong.extend(check_run(run, &launch.its_context().asked()));
            for secret in [KEY, self.platform.key()] {
                let stdout = String::from_utf8_lossy(&run.stdout);
                if stdout.contains(secret) || run.stderr.contains(secret) || log.contains(secret) {
                    wrong.push(format!("{secret} was told"));
                }
            }
        }
        assert!(wrong.is_empty(), "{wrong:#?}\n{}", told(runs));
    }

    /// The calls so far without those that an action may make or leave out.
    pub(crate) fn calls(&self) -> Vec<Call> {
        let mut calls = self.platform.calls();
        calls.retain(|call| *call != Call::CaseMetadata);
        calls.dedup_by(|next, call| next == call && *call == Call::Configuration);
        calls
    }

    /// A property of an entity as the case has it now.
    pub(crate) fn property(&self, identifier: &str, entity_type: &str, name: &str) -> Value {
        let entity = self.platform.entity(identifier, entity_type).unwrap();
        entity["additional_properties"][name].clone()
    }
}

pub(crate) fn log_file(launch: &Launch) -> PathBuf {
    launch.work_folder().join("script.log")
}

/// What the last run said, for a test that fails.
pub(crate) fn told(runs: &[Run]) -> String {
    let last = runs.last().unwrap();
    format!(
        "exit {:?}\n{}\n{}",
        last.code,
        String::from_utf8_lossy(&last.stdout),
        last.stderr
    )
}

/// A context for these entities, named as the platform stores them.
pub(crate) fn context(format: TargetFormat, targets: &[(&str, &str)]) -> Context {
    Context::new().targets(format, targets.iter().copied())
}

pub(crate) fn hash_context(format: TargetFormat, hashes: &[&str]) -> Context {
    let targets: Vec<(&str, &str)> = hashes.iter().map(|hash| (*hash, HASH)).collect();
    context(format, &targets).parameter("Threshold", "3")
}

/// A scene with one risky hash, and the hash as the case names it.
pub(crate) fn one_risky_hash() -> (Scene, String) {
    let hash = risky_hash(1);
    (Scene::new([Entity::stored(&hash, HASH)]), stored(&hash))
}

/// Each on a thread of its own: most of them wait.
pub(crate) fn at_once<T: Send>(items: impl IntoIterator<Item = T>, test: impl Fn(T) + Sync) {
    std::thread::scope(|scope| {
        for item in items {
            scope.spawn(|| test(item));
        }
    });
}
