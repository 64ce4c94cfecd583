//! A row of the table.

use crate::stage::Stage;
use crate::told::Told;

/// Where the world begins that can break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Boundary {
    VirusTotal,
    Platform,
    Ssh,
    Disk,
    Clock,
    Processes,
    Handles,
    Names,
    Proxy,
    Tls,
    Database,
}

impl Boundary {
    pub(crate) const ALL: [Self; 11] = [
        Self::VirusTotal,
        Self::Platform,
        Self::Ssh,
        Self::Disk,
        Self::Clock,
        Self::Processes,
        Self::Handles,
        Self::Names,
        Self::Proxy,
        Self::Tls,
        Self::Database,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::VirusTotal => "VirusTotal",
            Self::Platform => "SecOps host",
            Self::Ssh => "SSH",
            Self::Disk => "disk",
            Self::Clock => "clock",
            Self::Processes => "killed processes",
            Self::Handles => "file handles",
            Self::Names => "DNS",
            Self::Proxy => "proxy",
            Self::Tls => "TLS",
            Self::Database => "database",
        }
    }
}

/// Why a row can't be tried on this machine.
pub(crate) struct Skipped(pub(crate) &'static str);

type Arrange = Box<dyn Fn(&mut Stage) -> Result<(), Skipped> + Send + Sync>;
type Check = Box<dyn Fn(&Stage, &Told) -> Vec<String> + Send + Sync>;

/// What is run.
pub(crate) enum Act {
    /// A command, as people give it. `{name}` stands for what the stage knows by that name.
    Shell(&'static [&'static str]),
    /// An action, as the platform starts it, until it is done.
    Action(&'static str),
    /// Servers, or several processes.
    Scene(&'static str, fn(&mut Stage) -> Told),
}

impl Act {
    /// As the table names it.
    pub(crate) fn shown(&self) -> String {
        match self {
            Self::Shell(arguments) => {
                let words = arguments.iter().take_while(|word| !word.starts_with(['-', '{']));
                words.copied().collect::<Vec<_>>().join(" ")
            }
            Self::Action(name) => format!("{name}, on the platform"),
            Self::Scene(shown, _) => (*shown).to_owned(),
        }
    }
}

/// What is asked once more, without the fault, and how that must end.
pub(crate) struct Again {
    pub(crate) mend: Box<dyn Fn(&mut Stage) + Send + Sync>,
    pub(crate) code: i32,
    pub(crate) checks: Vec<Check>,
}

/// One fault, and what must hold all the same.
pub(crate) struct Fault {
    pub(crate) boundary: Boundary,
    pub(crate) name: &'static str,
    pub(crate) act: Act,
    pub(crate) simulator: fn(simulator::Builder) -> simulator::Builder,
    pub(crate) arrange: Vec<Arrange>,
    /// The exit code.
    pub(crate) code: i32,
    /// Of an action on the platform: its execution state.
    pub(crate) state: Option<u64>,
    /// What happened, to what, what to do next.
    pub(crate) says: Vec<&'static str>,
    pub(crate) seconds: u64,
    pub(crate) checks: Vec<Check>,
    pub(crate) again: Option<Again>,
}

/// Enough for what is not meant to wait, on a machine that others use too.
const SECONDS: u64 = 40;

impl Fault {
    pub(crate) fn new(boundary: Boundary, name: &'static str, act: Act) -> Self {
        Self {
            boundary,
            name,
            act,
            simulator: |builder| builder,
            arrange: Vec::new(),
            code: 0,
            state: None,
            says: Vec::new(),
            seconds: SECONDS,
            checks: Vec::new(),
            again: None,
        }
    }

    /// How VirusTotal is from the beginning.
    pub(crate) fn simulator(mut self, settings: fn(simulator::Builder) -> simulator::Builder) -> Self {
        self.simulator = settings;
        self
    }

    /// How it comes to the fault.
    pub(crate) fn when(mut self, arrange: impl Fn(&mut Stage) + Send + Sync + 'static) -> Self {
        self.arrange.push(Box::new(move |stage| {
            arrange(stage);
            Ok(())
        }));
        self
    }

    /// The same, where not every machine can.
    pub(crate) fn where_possible(
        mut self,
        arrange: impl Fn(&mut Stage) -> Result<(), Skipped> + Send + Sync + 'static,
    ) -> Self {
        self.arrange.push(Box::new(arrange));
        self
    }

    pub(crate) fn ends(mut self, code: i32) -> Self {
        self.code = code;
        self
    }

    /// There is a result, so the process ends with 0; the result's state says how the action ended.
    pub(crate) fn state(mut self, state: u64) -> Self {
        self.state = Some(state);
        self
    }

    /// What happened, to what, and what to do next: words that the message must have.
    pub(crate) fn says(mut self, words: &[&'static str]) -> Self {
        self.says.extend(words);
        self
    }

    pub(crate) fn within(mut self, seconds: u64) -> Self {
        self.seconds = seconds;
        self
    }

    /// What must be there, or must not be, after it.
    pub(crate) fn check(
        mut self,
        check: impl Fn(&Stage, &Told) -> Vec<String> + Send + Sync + 'static,
    ) -> Self {
        match &mut self.again {
            None => self.checks.push(Box::new(check)),
            Some(again) => again.checks.push(Box::new(check)),
        }
        self
    }

    /// The same again, now that the faults of VirusTotal and of the platform are over. What is checked from here on is checked after that.
    pub(crate) fn then(self, code: i32) -> Self {
        self.then_with(code, |_| {})
    }

    /// The same again, after something else was mended, too.
    pub(crate) fn then_with(mut self, code: i32, mend: impl Fn(&mut Stage) + Send + Sync + 'static) -> Self {
        self.again = Some(Again {
            mend: Box::new(mend),
            code,
            checks: Vec::new(),
        });
        self
    }
}
