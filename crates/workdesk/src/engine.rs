//! The engine: takes the steps of runs when they are due.
//!
//! What is to be done, and when, stands in the [`Store`](crate::Store) alone. The queue in memory is made from it when the
//! engine starts, so that a crash at any moment loses nothing.

mod external;
mod figures;
mod keys;
mod offer;
mod playbooks;
mod queue;
mod step;

use std::collections::HashMap;
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use integration::{Action, ParameterKind, Policy};
use jiff::{SignedDuration, Timestamp};
use secops::Parameters;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use virustotal::quota::Ledger;
use virustotal::{Canceller, Client, Progress};

use crate::playbook::Offered;
use crate::{Ended, Error, NewRun, Run, RunState, Store, StoredEntity};
pub use external::{ExternalAction, ExternalParameter};
pub(crate) use figures::Figures;
use keys::Keys;
pub use offer::{Field, Offer, OfferedParameter};
use queue::{Next, Queue};
use step::Taken;

/// Where the clients come from that runs ask VirusTotal with.
pub trait Clients: Send + Sync {
    /// The client of a run, for one step of it. So that nothing is submitted twice when a process dies in the middle of a step,
    /// it remembers what an earlier client of the same run has submitted. Without a configuration it has the key and the settings of
    /// whoever started the workdesk.
    ///
    /// # Errors
    /// For people: there is no key, or the settings can't be used.
    fn client(&self, run: &Run, configuration: Option<&Parameters>) -> Result<Client, String>;

    /// A client for a question that is no run.
    ///
    /// # Errors
    /// As for a run.
    fn client_for_ping(&self, configuration: Option<&Parameters>) -> Result<Client, String>;

    /// When an entity is risky, beyond what the parameters say.
    ///
    /// # Errors
    /// For people: the policy can't be used.
    fn policy(&self, _: Action) -> Result<Option<Policy>, String> {
        Ok(None)
    }

    /// The ledger of the keys' quotas, where there is one.
    fn ledger(&self) -> Option<Arc<Ledger>> {
        None
    }

    /// What the platform would call the configuration of whoever started the workdesk.
    ///
    /// # Errors
    /// For people: there is no key.
    fn own_configuration(&self) -> Result<Parameters, String>;

    /// The run is over: what was remembered for it can go.
    fn ended(&self, run: &Run);
}

/// How often what could not be written down is tried again, and how long after.
const TRIES: u32 = 5;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// Name of the instance that needs no configuration: it is the key and the settings of whoever started the workdesk.
pub const DEFAULT_INSTANCE: &str = "default";
/// The integration's identifier; the original's, so that playbooks find it.
const INTEGRATION: &str = "VirusTotal";

/// Whether an action can be asked for here. Those that read or write files of this machine can't: whoever may ask is not
/// necessarily one who may do that.
#[must_use]
pub fn is_offered(action: Action) -> bool {
    !matches!(action, Action::UploadAndScanFile | Action::DownloadFile)
}

/// How runs are taken.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Steps at the same time.
    pub at_once: usize,
    /// Time between two steps of a run that waits.
    pub poll_every: Duration,
    /// How long one step may take.
    pub longest_step: Duration,
    /// After a process died while it submitted something: how long VirusTotal may take to show it before it is submitted again.
    pub lost_after: SignedDuration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            at_once: 4,
            poll_every: Duration::from_secs(10),
            longest_step: Duration::from_secs(300),
            lost_after: SignedDuration::from_mins(10),
        }
    }
}

/// Programs that are started as the platform starts actions.
#[derive(Clone, Debug, Default)]
pub struct External {
    /// Which there are.
    pub actions: Vec<ExternalAction>,
    /// Where they find this workdesk.
    pub address: Option<SocketAddr>,
    /// Variables of the environment that each of them gets.
    pub environment: Vec<(String, String)>,
}

/// Takes steps until it is stopped.
pub struct Engine {
    shared: Arc<Shared>,
    worker: Mutex<Option<JoinHandle<()>>>,
}

struct Shared {
    store: Store,
    clients: Arc<dyn Clients>,
    pace: Pace,
    external: External,
    keys: Keys,
    queue: Queue,
    under_way: Mutex<HashMap<i64, UnderWay>>,
    figures: Figures,
    /// Whether it is to end.
    halted: watch::Sender<bool>,
}

/// A step that is being taken.
struct UnderWay {
    case: i64,
    canceller: Arc<Canceller>,
    /// An external action has none.
    client: Option<Arc<Client>>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Engine")
            .field("pace", &self.shared.pace)
            .finish_non_exhaustive()
    }
}

impl Engine {
    /// Starts, and goes on with every run that is not over. Only one engine works on a store in a file; on a server any number do.
    ///
    /// # Errors
    /// [`Error::Database`].
    pub async fn start(
        store: Store,
        clients: Arc<dyn Clients>,
        pace: Pace,
        external: External,
    ) -> Result<Self, Error> {
        let queue = Queue::default();
        // Where others take steps too, what is under way may be theirs.
        if !store.is_shared() {
            // A clock may have been set back since: no step is due later than it would be now.
            let latest = store.clock().now() + pace.poll_every.max(queue::AFTER_TROUBLE);
            for (run, due_at) in store.unfinished().await? {
                queue.push(run, due_at.min(latest));
            }
        }
        let shared = Arc::new(Shared {
            store,
            clients,
            pace,
            external,
            keys: Keys::default(),
            queue,
            under_way: Mutex::default(),
            figures: Figures::default(),
            halted: watch::Sender::new(false),
        });
        shared.store.add_shipped_playbooks().await?;
        let worker = (shared.pace.at_once > 0).then(|| {
            if shared.store.is_shared() {
                tokio::spawn(queue::hold(Arc::clone(&shared)));
            }
            tokio::spawn(playbooks::work(Arc::clone(&shared)));
            tokio::spawn(queue::work(Arc::clone(&shared)))
        });
        Ok(Self {
            shared,
            worker: Mutex::new(worker),
        })
    }

    /// Asks for a run. When this returns it is sure to be made.
    ///
    /// # Errors
    /// [`Error::NotFound`] for the case, an entity or an action; [`Error::Invalid`] for one that is not [offered](is_offered).
    pub async fn ask(&self, new: NewRun, by: &str) -> Result<Run, Error> {
        let is_external = self.shared.external_action(&new.action).is_some();
        if !is_external {
            let action = Action::named(&new.action).ok_or_else(|| Error::not_found("action", &new.action))?;
            if !is_offered(action) {
                return Err(Error::Invalid(format!(
                    "{} reads or writes files of the machine that the workdesk runs on; it is for the shell",
                    new.action
                )));
            }
        }
        let run = self.shared.store.queue_run(new, by).await?;
        self.shared.queue.push(run.id, run.due_at);
        Ok(run)
    }

    /// Ends a run: a step that is being taken breaks off, and what it has had so far is kept.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that is over.
    pub async fn cancel(&self, run: i64, by: &str) -> Result<Run, Error> {
        let run = self.shared.store.cancel_run(run, by).await?;
        if let Some(under_way) = self.shared.under_way().get(&run.id) {
            under_way.canceller.cancel();
        }
        Ok(run)
    }

    /// Ends a playbook on a case, and the actions that it waits for.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Conflict`] for one that has ended.
    pub async fn cancel_playbook(&self, playbook_run: i64, by: &str) -> Result<i64, Error> {
        let (case, under_way) = self.shared.store.cancel_playbook(playbook_run, by).await?;
        for run in under_way {
            match self.cancel(run, by).await {
                // It has ended by itself meanwhile.
                Ok(_) | Err(Error::Conflict(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(case)
    }

    /// What playbooks can ask for.
    ///
    /// # Errors
    /// The database's.
    pub async fn offered(&self) -> Result<Offered, Error> {
        let instances = self.shared.store.instances().await?.into_iter();
        let mut instances: Vec<String> = instances.map(|instance| instance.name).collect();
        instances.push(DEFAULT_INSTANCE.to_owned());
        Ok(Offered {
            actions: self.offers(),
            instances,
        })
    }

    /// How far the step of a run is that is being taken.
    #[must_use]
    pub fn progress(&self, run: i64) -> Option<Progress> {
        let under_way = self.shared.under_way();
        let client = under_way.get(&run)?.client.as_ref()?;
        Some(client.progress())
    }

    /// The ledger of the keys' quotas, where there is one.
    #[must_use]
    pub fn ledger(&self) -> Option<Arc<Ledger>> {
        self.shared.clients.ledger()
    }

    /// Every action that can be asked for.
    #[must_use]
    pub fn offers(&self) -> Vec<Offer> {
        let ours = Action::ALL.into_iter().filter(|action| is_offered(*action));
        let external = self.shared.external.actions.iter().map(Offer::from);
        ours.map(|action| Offer::from(action.definition()))
            .chain(external)
            .collect()
    }

    /// Whether people may not read what was given for that parameter: it is marked as secret. Of a program that is not listed any more, or
    /// lists no such parameter any more, nobody knows.
    pub(crate) fn hides(&self, action: &str, parameter: &str) -> bool {
        if let Some(own) = Action::named(action) {
            let mut own = own.definition().parameters.iter();
            return own.any(|own| own.name == parameter && own.kind == ParameterKind::Password);
        }
        let listed = self.shared.external_action(action);
        let listed = listed.and_then(|action| action.parameters.iter().find(|own| own.name == parameter));
        listed.is_none_or(|parameter| parameter.is_secret)
    }

    /// The run whose program has that key, while it is running.
    #[must_use]
    pub fn run_of_key(&self, key: &str) -> Option<i64> {
        self.shared.keys.run_of(key)
    }

    /// The settings of an instance; where there is none of that name, of an instance of that integration.
    ///
    /// # Errors
    /// [`Error::NotFound`]; [`Error::Invalid`] where there is no key.
    pub async fn configuration(&self, instance: &str, integration: &str) -> Result<Parameters, Error> {
        let store = &self.shared.store;
        if let Some((_, settings)) = store.instance(instance).await? {
            return Ok(settings);
        }
        let instances = store.instances().await?;
        let of_integration = instances.iter().find(|own| own.integration == integration);
        if let Some(named) = of_integration
            && let Some((_, settings)) = store.instance(&named.name).await?
        {
            return Ok(settings);
        }
        match instance == DEFAULT_INSTANCE || [instance, integration].contains(&INTEGRATION) {
            true => self.shared.clients.own_configuration().map_err(Error::Invalid),
            false => Err(Error::not_found("instance", instance)),
        }
    }

    /// Asks VirusTotal whether an instance's key works: what it says, for people.
    ///
    /// # Errors
    /// [`Error::Invalid`] says why it does not.
    pub async fn ping(&self, instance: &str) -> Result<String, Error> {
        let configuration = self.shared.of_instance(instance).await?;
        let clients = Arc::clone(&self.shared.clients);
        let now = self.shared.now();
        let pinged = tokio::task::spawn_blocking(move || step::ping(&*clients, configuration.as_ref(), now));
        let pinged = pinged.await.map_err(|error| Error::Invalid(error.to_string()))?;
        pinged.map_err(Error::Invalid)
    }

    /// What it has counted so far, and counts from now on.
    pub(crate) fn figures(&self) -> &Figures {
        &self.shared.figures
    }

    /// Steps that are being taken.
    #[must_use]
    pub fn steps_under_way(&self) -> usize {
        self.shared.under_way().len()
    }

    /// Whether it takes no further step.
    #[must_use]
    pub fn is_halted(&self) -> bool {
        self.shared.is_halted()
    }

    /// Whether a step of a run of that case is being taken.
    #[must_use]
    pub fn is_busy(&self, case: i64) -> bool {
        self.shared
            .under_way()
            .values()
            .any(|under_way| under_way.case == case)
    }

    /// Takes no further step; those under way break off and are taken again when an engine starts.
    pub fn halt(&self) {
        self.shared.halted.send_replace(true);
        for under_way in self.shared.under_way().values() {
            under_way.canceller.cancel();
        }
    }

    /// Until somebody has halted it.
    pub async fn halted(&self) {
        self.shared.halted().await;
    }

    /// Until the steps that were under way when it was halted have ended.
    pub async fn join(&self) {
        let worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(worker) = worker {
            // A worker that died has nothing left to end.
            let _ = worker.await;
        }
    }

    /// Halts, and waits until nothing is under way.
    pub async fn stop(self) {
        self.halt();
        self.join().await;
    }
}

impl Shared {
    fn under_way(&self) -> std::sync::MutexGuard<'_, HashMap<i64, UnderWay>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the next step of a run, if there is one to take.
    async fn take(self: &Arc<Self>, next: Next) -> Result<(), Error> {
        let begun = match next {
            Next::Due(id) => self.store.begin_step(id).await?,
            Next::Begun(begun) => Some(*begun),
        };
        let Some((run, targets)) = begun else {
            return Ok(());
        };
        let id = run.id;
        let run = Arc::new(run);
        let taken = match self.external_action(&run.action) {
            Some(action) => self.external_step(action, &run, &targets).await?,
            None => self.own_step(Arc::clone(&run), targets).await?,
        };
        self.under_way().remove(&id);
        let now_cancelled = self.store.run(id).await?.cancel_asked;
        if self.is_halted() && !now_cancelled {
            // Broken off: it is taken again, from the same state.
            return self.store.release(id).await;
        }
        match taken {
            Taken::Wait { .. } if now_cancelled => {
                let ended = Ended::without_result(RunState::Cancelled, "It was cancelled while it waited.");
                self.end(&run, &ended).await
            }
            Taken::Wait {
                saved,
                message,
                due_at,
            } => {
                self.written(|| self.store.wait_on(&run, &saved, &message, due_at))
                    .await?;
                self.queue.push(id, due_at);
                Ok(())
            }
            Taken::Ended(mut ended) => {
                if now_cancelled {
                    ended.state = RunState::Cancelled;
                }
                self.end(&run, &ended).await
            }
        }
    }

    /// Takes a step of one of our own actions.
    async fn own_step(self: &Arc<Self>, run: Arc<Run>, targets: Vec<StoredEntity>) -> Result<Taken, Error> {
        let configuration = match self.of_instance(&run.instance).await {
            Ok(configuration) => configuration,
            Err(Error::Database(error)) => return Err(error.into()),
            Err(error) => {
                let ended = Ended::without_result(RunState::Failed, crate::sentence(&error.to_string()));
                return Ok(Taken::Ended(Box::new(ended)));
            }
        };
        let asked_for = self.store.asked_for(&run).await?;
        let (shared, id) = (Arc::clone(self), run.id);
        // An action is for one thread; so each step gets one, with connections of its own.
        let step = tokio::task::spawn_blocking(move || {
            shared.step(&run, &asked_for, configuration.as_ref(), targets)
        });
        Ok(step.await.unwrap_or_else(|error| {
            tracing::error!(run = id, %error, "a step ended in a defect");
            let words = "The action ended in a defect of this program; its log says more.";
            Taken::Ended(Box::new(Ended::without_result(RunState::Failed, words)))
        }))
    }

    /// The settings of an instance; `None` for those of whoever started the workdesk.
    async fn of_instance(&self, name: &str) -> Result<Option<Parameters>, Error> {
        match self.store.instance(name).await? {
            Some((_, settings)) => Ok(Some(settings)),
            None if name == DEFAULT_INSTANCE => Ok(None),
            None => Err(Error::not_found("instance", name)),
        }
    }

    fn external_action(&self, name: &str) -> Option<&ExternalAction> {
        self.external.actions.iter().find(|action| action.name == name)
    }

    async fn end(&self, run: &Run, ended: &Ended) -> Result<(), Error> {
        // Whoever has taken a step over needs what is known of the run.
        if self.written(|| self.store.end_run(run, ended)).await? {
            self.figures.ended(&run.action, ended.state);
            self.clients.ended(run);
        }
        Ok(())
    }

    /// What a step left must not be lost because the database is busy for a moment.
    async fn written<T, F: Future<Output = Result<T, Error>>>(
        &self,
        write: impl Fn() -> F,
    ) -> Result<T, Error> {
        let mut tries = 1;
        loop {
            match write().await {
                Err(Error::Database(error)) if tries < TRIES => {
                    tracing::warn!(%error, tries, "a step could not be written down; it is tried again");
                    tries += 1;
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
                other => return other,
            }
        }
    }

    fn is_halted(&self) -> bool {
        *self.halted.borrow()
    }

    async fn halted(&self) {
        // The sender is a part of this value, so it can't be gone.
        let _ = self.halted.subscribe().wait_for(|halted| *halted).await;
    }

    fn now(&self) -> Timestamp {
        self.store.clock().now()
    }
}
