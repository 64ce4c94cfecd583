//! The host that tests hold in hand.

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use serde_json::{Map, Value, json};

use crate::call::{Call, Form};
use crate::case::Case;
use crate::fault::Fault;
use crate::launch::Host;
use crate::relay::Relay;
use crate::server::Server;
use crate::world::{Memory, Request, World};

/// The platform's proxy settings. The default is: no proxy.
#[derive(Clone, Debug, Default)]
pub struct ProxySettings {
    /// `http://host:port`, or empty.
    pub address: String,
    /// For the proxy itself.
    pub username: String,
    /// For the proxy itself.
    pub password: String,
    /// Hosts that are asked directly.
    pub ignore: Vec<String>,
}

impl ProxySettings {
    pub(crate) fn to_value(&self) -> Value {
        json!({
            "proxy_server_address": self.address,
            "username": self.username,
            "password": self.password,
            "ignore_addresses": self.ignore,
        })
    }
}

/// Settings of a platform; each has a default.
pub struct Builder {
    pub(crate) key: String,
    pub(crate) place: [String; 3],
    pub(crate) case: Case,
    pub(crate) configurations: HashMap<String, Map<String, Value>>,
    pub(crate) proxy: ProxySettings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) spelled: Vec<(String, String)>,
    pub(crate) relay: Option<Relay>,
}

impl Builder {
    /// The key that calls must have. Default: a long one that a test can look for where it must not be.
    #[must_use]
    pub fn key(mut self, key: &str) -> Self {
        key.clone_into(&mut self.key);
        self
    }

    /// Project, location and instance of the 1P form. Default: those very words.
    #[must_use]
    pub fn place(mut self, project: &str, location: &str, instance: &str) -> Self {
        self.place = [project, location, instance].map(str::to_owned);
        self
    }

    /// The case. Default: number 17 without alerts.
    #[must_use]
    pub fn case(mut self, case: Case) -> Self {
        self.case = case;
        self
    }

    /// The configuration under the key `instance`, which is the instance's or the provider's name. Without any,
    /// configurations are not found.
    #[must_use]
    pub fn configuration<'a>(
        mut self,
        instance: &str,
        values: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let values = values
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value.into()))
            .collect();
        self.configurations.insert(instance.to_owned(), values);
        self
    }

    /// Proxy settings. Default: none.
    #[must_use]
    pub fn proxy(mut self, proxy: ProxySettings) -> Self {
        self.proxy = proxy;
        self
    }

    /// Trouble from the beginning; may be called several times.
    #[must_use]
    pub fn fault(mut self, fault: Fault) -> Self {
        self.faults.push(fault);
        self
    }

    /// Writes `escape` wherever answers have `plain`, and reads it back as `plain`: for escapes such as `\ud800`
    /// that no JSON writer gives but some platforms do.
    #[must_use]
    pub fn spell(mut self, plain: &str, escape: &str) -> Self {
        self.spelled.push((plain.to_owned(), escape.to_owned()));
        self
    }

    /// Lets another host answer. Requests are held against the protocol as ever, and its answers against our own: same status, same
    /// keys. It must have the same case and configurations.
    #[must_use]
    pub fn relay(mut self, relay: Relay) -> Self {
        self.relay = Some(relay);
        self
    }

    /// The case so far.
    #[must_use]
    pub fn its_case(&self) -> &Case {
        &self.case
    }

    /// The configurations so far, by instance.
    #[must_use]
    pub fn its_configurations(&self) -> &HashMap<String, Map<String, Value>> {
        &self.configurations
    }

    /// Starts it on a free loopback port.
    ///
    /// # Errors
    /// The system's.
    pub fn start(self) -> io::Result<Platform> {
        let world = Arc::new(World::new(self));
        let server = Server::start(Arc::clone(&world))?;
        Ok(Platform { world, server })
    }
}

/// A running platform; it stops when dropped.
pub struct Platform {
    world: Arc<World>,
    server: Server,
}

/// Recognisable, so that a test can look for it where it must not be.
const KEY: &str = "5ec0de5ec0de-app-key-of-the-test-platform";

impl Platform {
    /// Settings with their defaults.
    #[must_use]
    pub fn builder() -> Builder {
        Builder {
            key: KEY.to_owned(),
            place: ["project", "location", "instance"].map(str::to_owned),
            case: Case::new(17),
            configurations: HashMap::new(),
            proxy: ProxySettings::default(),
            faults: Vec::new(),
            spelled: Vec::new(),
            relay: None,
        }
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.server.address
    }

    /// `http://127.0.0.1:…`
    #[must_use]
    pub fn origin(&self) -> String {
        format!("http://{}", self.server.address)
    }

    /// The key that calls must have.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.world.key
    }

    /// What a launch needs to know of it.
    #[must_use]
    pub fn host(&self) -> Host {
        let [project, location, instance] = self.world.place.clone();
        Host {
            ip: self.address().ip().to_string(),
            port: self.address().port(),
            key: self.key().to_owned(),
            project,
            location,
            instance,
        }
    }

    /// Every request so far, in order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        self.world.memory().requests.clone()
    }

    /// The calls so far, in order of arrival.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.world
            .memory()
            .requests
            .iter()
            .filter_map(|request| request.call)
            .collect()
    }

    /// How often a call was made so far.
    #[must_use]
    pub fn count(&self, call: Call) -> usize {
        self.calls().into_iter().filter(|own| *own == call).count()
    }

    /// Forgets requests, violations, and what was written; the case keeps it.
    pub fn clear(&self) {
        let mut memory = self.world.memory();
        memory.requests.clear();
        memory.violations.clear();
        memory.insights.clear();
        memory.written.clear();
        memory.others.clear();
    }

    /// Whatever was not as the protocol says, in order.
    #[must_use]
    pub fn violations(&self) -> Vec<String> {
        self.world.memory().violations.clone()
    }

    /// Bodies of the insights that were accepted.
    #[must_use]
    pub fn insights(&self) -> Vec<Value> {
        self.world.memory().insights.clone()
    }

    /// Entities that were written, in order, one element each.
    #[must_use]
    pub fn written(&self) -> Vec<Value> {
        self.world.memory().written.clone()
    }

    /// Other things that were accepted: attachments, tags, comments, new entities.
    #[must_use]
    pub fn others(&self) -> Vec<(Call, Value)> {
        self.world.memory().others.clone()
    }

    /// An entity of the case as it is now; the first of that name and type.
    #[must_use]
    pub fn entity(&self, identifier: &str, entity_type: &str) -> Option<Value> {
        let memory: &Memory = &self.world.memory();
        let same = |name: &str, asked: &str, entity: &Value| entity.get(name).is_some_and(|own| own == asked);
        memory
            .entities()
            .find(|entity| same("identifier", identifier, entity) && same("entity_type", entity_type, entity))
            .cloned()
    }

    /// Another case from now on.
    pub fn put_case(&self, case: &Case) {
        self.world.memory().put_case(case);
    }

    /// From now on every request must have this header, or it is a violation.
    pub fn expect_header(&self, name: &str, value: &str) {
        let expected = (name.to_owned(), value.to_owned());
        self.world.memory().expected.headers.push(expected);
    }

    /// From now on every request must be addressed so, or it is a violation.
    pub fn expect_form(&self, form: Form) {
        self.world.memory().expected.form = Some(form);
    }

    /// More trouble from now on.
    pub fn add_fault(&self, fault: Fault) {
        self.world.memory().faults.push(fault);
    }

    /// No more trouble.
    pub fn clear_faults(&self) {
        self.world.memory().faults.clear();
    }

    /// Lets calls go on that [`crate::FaultKind::Hold`] holds, now and later.
    pub fn release(&self) {
        self.world.released.send_replace(true);
    }

    /// Waits until a call has come in `count` times; false when it has not `within` that time.
    #[must_use]
    pub fn wait_for(&self, call: Call, count: usize, within: Duration) -> bool {
        let begun = Instant::now();
        let mut memory = self.world.memory();
        loop {
            let own = memory
                .requests
                .iter()
                .filter(|request| request.call == Some(call))
                .count();
            let Some(left) = within.checked_sub(begun.elapsed()) else {
                return own >= count;
            };
            if own >= count {
                return true;
            }
            let waited = self.world.arrived.wait_timeout(memory, left);
            memory = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}
