//! The only place that sends: it holds the key, bounds the answers, paces after a refusal, and retries.
//!
//! Calls go one at a time until the key has proven good, so that a wrong key costs one call, and for a minute
//! after a refusal for quota, so that a used-up quota is not hammered. Otherwise up to `max_in_flight` at once, each
//! with a slot of the quota ledger where there is one.

mod gate;
mod http;
mod tls;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;
use tracing::Instrument;

use crate::quota::{End, KeyId, Priority, Slot, Turn};
use crate::retry::Decision;
use crate::{Api, Deadline, Error, Journal, Settings, Tier, Trouble};
use gate::{Gate, has_rested};
use http::Http;
pub(crate) use http::Refusal;
pub(crate) use http::{Answered, Payload};

/// How the key and the parameters travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// In the query: for the endpoints that take nothing else.
    Get,
    /// In the form body.
    Post,
}

/// What a 403 means on an endpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Every key may: the key is wrong.
    Everyone,
    /// Only some keys may, or the API has other reasons: the key may still be good.
    Some,
}

/// One endpoint of the API.
#[derive(Debug)]
pub(crate) struct Endpoint {
    pub(crate) path: &'static str,
    pub(crate) method: Method,
    pub(crate) access: Access,
}

impl Endpoint {
    /// Whether it is one of API v3, whose paths name the object and whose key travels in a header.
    pub(crate) fn is_v3(&self) -> bool {
        self.path.starts_with("v3/")
    }
}

/// How long a slot of the quota may wait for a connection.
const SLOT_KEEPS_FOR: Duration = Duration::from_secs(5);

/// Failures in a row after which nothing is tried twice: the server, not the question, is the trouble.
const OUTAGE: u32 = 32;

/// What one run sends through.
pub(crate) struct Transport {
    line: Arc<Line>,
    turn: Arc<Turn>,
    calls: Mutex<BTreeMap<&'static str, u64>>,
    pub(crate) expected: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) kept: AtomicU64,
    /// Bytes of files that are to be sent.
    pub(crate) to_send: AtomicU64,
    /// Of these, bytes that have left.
    pub(crate) sent: Arc<AtomicU64>,
}

/// What all runs with one key share.
struct Line {
    http: Http,
    gate: Gate,
    settings: Settings,
    failures_in_a_row: AtomicU32,
    /// Resources that a call takes: as the tier says, or fewer where the server has answered fewer.
    batch_size: AtomicUsize,
    /// What API v3 has said of the key, where it is asked before API v2.
    key_in_v3: Mutex<KeyInV3>,
}

/// See [`Line::key_in_v3`].
#[derive(Clone, Copy, Default)]
enum KeyInV3 {
    #[default]
    Untried,
    Taken,
    /// Since then.
    Refused(Instant),
}

impl Transport {
    /// # Errors
    /// [`Error::Settings`] for a bad address, CA file or proxy.
    pub(crate) fn new(settings: Settings) -> Result<Self, Error> {
        let (priority, environment) = (settings.priority, settings.environment.clone());
        let line = Line {
            http: Http::new(&settings)?,
            gate: Gate::new(
                settings.max_in_flight.max(1),
                settings.retry,
                settings.refused_key_rests,
            ),
            batch_size: AtomicUsize::new(settings.tier.batch_size()),
            settings,
            failures_in_a_row: AtomicU32::new(0),
            key_in_v3: Mutex::default(),
        };
        Ok(Self::for_new_run(Arc::new(line), priority, &environment))
    }

    /// The same line, for another run of an environment.
    pub(crate) fn for_run(&self, priority: Priority, environment: &str) -> Self {
        Self::for_new_run(Arc::clone(&self.line), priority, environment)
    }

    /// The same run, with counters of its own.
    pub(crate) fn apart(&self) -> Self {
        Self::on(Arc::clone(&self.line), Arc::clone(&self.turn))
    }

    fn for_new_run(line: Arc<Line>, priority: Priority, environment: &str) -> Self {
        let settings = &line.settings;
        let key = KeyId::of(&settings.key, &settings.base_url);
        let label = settings.key_label.clone();
        let turn = Turn::new(key, label, settings.limits, priority, environment);
        Self::on(line, Arc::new(turn))
    }

    fn on(line: Arc<Line>, turn: Arc<Turn>) -> Self {
        Self {
            line,
            turn,
            calls: Mutex::default(),
            expected: AtomicU64::new(0),
            answered: AtomicU64::new(0),
            kept: AtomicU64::new(0),
            to_send: AtomicU64::new(0),
            sent: Arc::default(),
        }
    }

    pub(crate) fn settings(&self) -> &Settings {
        &self.line.settings
    }

    /// Resources that one batch call takes.
    pub(crate) fn batch_size(&self) -> usize {
        if self.speaks_v3() {
            return 1;
        }
        self.line.batch_size.load(Ordering::Relaxed).max(1)
    }

    /// Whether API v3 is asked.
    pub(crate) fn speaks_v3(&self) -> bool {
        match self.settings().api {
            Api::V2 => false,
            Api::V3 => true,
            Api::Auto => !self.line.is_refused_by_v3(),
        }
    }

    /// Whether the next question decides which version is asked: one is enough then.
    pub(crate) fn tries_v3(&self) -> bool {
        self.settings().api == Api::Auto && self.line.is_open_in_v3()
    }

    /// Whether API v2 is to be asked instead, after API v3 refused.
    pub(crate) fn falls_back(&self, error: &Error) -> bool {
        self.settings().api == Api::Auto && matches!(error, Error::Key | Error::Forbidden { .. })
    }

    /// Whether the key was refused, and nothing is sent with it for now.
    pub(crate) fn key_is_refused(&self) -> bool {
        let gate = &self.line.gate;
        gate.key_rests() || self.line.is_refused_by_v3() && !gate.has_good_key()
    }

    /// The server has answered `answered` of `asked` resources. One or a public key's four are what it takes in a call;
    /// any other number has another reason.
    pub(crate) fn answered_of(&self, answered: usize, asked: usize) {
        if answered < asked && (answered == 1 || answered == Tier::Public.batch_size()) {
            self.line.batch_size.fetch_min(answered, Ordering::Relaxed);
        }
    }

    /// How many of `calls` the quota lets through before `deadline`; all of them where there is no ledger.
    pub(crate) async fn fitting(&self, calls: usize, deadline: &Deadline) -> usize {
        let settings = self.settings();
        let Some(ledger) = &settings.ledger else {
            return calls;
        };
        let wanted = u32::try_from(calls).unwrap_or(u32::MAX);
        let patience = settings.retry.longest_quota_wait;
        let fitting = ledger
            .fitting(&self.turn, wanted, deadline.left_for_quota(), patience)
            .await;
        usize::try_from(fitting).unwrap_or(calls)
    }

    pub(crate) fn priority(&self) -> Priority {
        self.turn.priority
    }

    /// Calls made so far, refused ones included, by endpoint.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn failures_in_a_row(&self) -> u32 {
        self.line.failures_in_a_row.load(Ordering::Relaxed)
    }

    /// A question that may take several calls.
    pub(crate) fn errand<'a>(&'a self, deadline: &'a Deadline) -> Errand<'a> {
        Errand {
            transport: self,
            deadline,
            slot: Mutex::default(),
            submission: None,
        }
    }

    /// A submission of objects of these names: written down right before it is sent, and not repeated where it may have
    /// arrived.
    pub(crate) fn submission<'a>(&'a self, names: Vec<String>, deadline: &'a Deadline) -> Errand<'a> {
        Errand {
            transport: self,
            deadline,
            slot: Mutex::default(),
            submission: Some(Submitting {
                journal: self.settings().journal.as_deref(),
                names,
                is_sent: AtomicBool::new(false),
            }),
        }
    }

    /// Something to be written on an object: not repeated where it may have arrived, and not a part of any run.
    pub(crate) fn note<'a>(&'a self, deadline: &'a Deadline) -> Errand<'a> {
        Errand {
            transport: self,
            deadline,
            slot: Mutex::default(),
            submission: Some(Submitting {
                journal: None,
                names: Vec::new(),
                is_sent: AtomicBool::new(false),
            }),
        }
    }

    /// A slot of the quota, where it is kept.
    async fn slot(&self, longest: Duration, deadline: &Deadline) -> Result<Option<Slot>, Error> {
        let settings = self.settings();
        let Some(ledger) = &settings.ledger else {
            return Ok(None);
        };
        let slot = ledger
            .take(&self.turn, longest, deadline, settings.retry.longest_quota_wait)
            .await;
        slot.map(Some)
    }

    async fn once<T>(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        read: &impl Fn(Answered) -> Result<T, String>,
    ) -> Result<T, Refusal> {
        *self
            .calls
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(endpoint.path)
            .or_default() += 1;
        let Line {
            http, gate, settings, ..
        } = &*self.line;
        let span = tracing::info_span!(
            "virustotal call",
            otel.kind = "client",
            endpoint = endpoint.path,
            http.response.status_code = tracing::field::Empty,
        );
        let sending = http.send(endpoint, payload, &settings.key, &self.sent);
        let answered = sending.instrument(span).await;
        let is_auto_v3 = settings.api == Api::Auto && endpoint.is_v3();
        if is_auto_v3 && matches!(&answered, Ok(_) | Err(Refusal::Final(Error::Missing))) {
            self.line.v3_takes_key();
        }
        match &answered {
            Ok(_) | Err(Refusal::Quota(_)) => gate.key_is_good(),
            // Of an object that is not there, or there already, only a good key is told.
            Err(Refusal::Final(Error::Missing | Error::Duplicate(_))) => {
                gate.key_is_good();
                gate.open();
                self.line.failures_in_a_row.store(0, Ordering::Relaxed);
            }
            // The other version may take it.
            Err(Refusal::Final(Error::Key)) if is_auto_v3 && self.line.v3_refuses() => {}
            Err(Refusal::Final(Error::Key)) => gate.key_is_refused(),
            Err(_) => {}
        }
        let value = read(answered?).map_err(|detail| Refusal::Trouble(Trouble::Body(detail)))?;
        gate.open();
        self.line.failures_in_a_row.store(0, Ordering::Relaxed);
        Ok(value)
    }
}

impl Line {
    fn key_in_v3(&self) -> MutexGuard<'_, KeyInV3> {
        self.key_in_v3.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether API v3 has refused the key, and is not asked for now.
    fn is_refused_by_v3(&self) -> bool {
        let rest = self.settings.refused_key_rests;
        matches!(*self.key_in_v3(), KeyInV3::Refused(at) if !has_rested(at, rest))
    }

    /// Whether the next question tells whether API v3 takes the key.
    fn is_open_in_v3(&self) -> bool {
        let rest = self.settings.refused_key_rests;
        match *self.key_in_v3() {
            KeyInV3::Untried => true,
            KeyInV3::Taken => false,
            KeyInV3::Refused(at) => has_rested(at, rest),
        }
    }

    /// Whether API v3 may be asked now. A refused key that has rested is tried by the one who asks.
    fn may_ask_v3(&self) -> bool {
        let mut key = self.key_in_v3();
        match *key {
            KeyInV3::Untried | KeyInV3::Taken => true,
            KeyInV3::Refused(at) => {
                let has_rested = has_rested(at, self.settings.refused_key_rests);
                if has_rested {
                    *key = KeyInV3::Refused(Instant::now());
                }
                has_rested
            }
        }
    }

    /// API v3 takes the key. What it said first stays, unless a refused key may be tried again.
    fn v3_takes_key(&self) {
        let mut key = self.key_in_v3();
        let is_final = matches!(*key, KeyInV3::Refused(_)) && self.settings.refused_key_rests.is_none();
        if !is_final {
            *key = KeyInV3::Taken;
        }
    }

    /// API v3 has refused the key. False where it has taken it before: then it is no key for API v2 alone.
    fn v3_refuses(&self) -> bool {
        let was = {
            let mut key = self.key_in_v3();
            let was = *key;
            if !matches!(was, KeyInV3::Taken) {
                *key = KeyInV3::Refused(Instant::now());
            }
            was
        };
        if matches!(was, KeyInV3::Untried) {
            self.settings
                .notify
                .hint("API v3 refused the key; API v2 is asked instead.");
        }
        !matches!(was, KeyInV3::Taken)
    }
}

/// A question that may take several calls, and a slot of the quota that was taken for the first one.
pub(crate) struct Errand<'a> {
    pub(crate) transport: &'a Transport,
    pub(crate) deadline: &'a Deadline,
    slot: Mutex<Option<Slot>>,
    submission: Option<Submitting<'a>>,
}

/// Something that is made when it arrives, whether its answer comes back or not.
pub(crate) struct Submitting<'a> {
    journal: Option<&'a Journal>,
    names: Vec<String>,
    /// It has been sent at least once.
    is_sent: AtomicBool,
}

impl Errand<'_> {
    /// Whether a submission that failed may be under way all the same.
    pub(crate) fn may_have_arrived(&self, error: &Error) -> bool {
        let is_sent = self
            .submission
            .as_ref()
            .is_some_and(|submission| submission.is_sent.load(Ordering::Relaxed));
        is_sent
            && match error {
                Error::Stopped(_) => true,
                Error::Transient { trouble, .. } => trouble.may_have_arrived(),
                _ => false,
            }
    }

    /// A submission is written down before it is sent, or it is not sent.
    async fn write_down(&self) -> Result<(), Trouble> {
        if let Some(submission) = &self.submission {
            if let Some(journal) = submission.journal
                && !journal.sending(&submission.names).await
            {
                return Err(Trouble::NotWrittenDown);
            }
            submission.is_sent.store(true, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Waits for a slot of the quota before it is sure that one is needed. One that is not used is given back.
    pub(crate) async fn reserve(&self) -> Result<(), Error> {
        let longest = self.transport.settings().call_timeout;
        let slot = self.transport.slot(longest, self.deadline).await?;
        self.give_back();
        *self.slot.lock().unwrap_or_else(PoisonError::into_inner) = slot;
        Ok(())
    }

    /// Gives an unused slot back.
    pub(crate) fn give_back(&self) {
        if let Some(slot) = self.reserved() {
            slot.end(End::NotSent);
        }
    }

    fn reserved(&self) -> Option<Slot> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Asks until there is a usable answer, a final refusal, or no time or attempt left.
    ///
    /// `read` turns the answer into a value; its error makes the answer an unusable one, which is retried.
    /// `attempts` overrides the policy's number.
    pub(crate) async fn ask<T>(
        &self,
        endpoint: &Endpoint,
        payload: &Payload<'_>,
        attempts: Option<u32>,
        read: impl Fn(Answered) -> Result<T, String>,
    ) -> Result<T, Error> {
        let Self {
            transport, deadline, ..
        } = self;
        let mut policy = transport.settings().retry;
        policy.attempts = attempts.unwrap_or(policy.attempts);
        let (mut attempt, mut waited) = (0, Duration::ZERO);
        loop {
            // The quota first: whoever waits for it must not hold up those who come before.
            let slot = match self.reserved() {
                Some(slot) => Some(slot),
                None => {
                    transport
                        .slot(transport.line.http.timeout(payload), deadline)
                        .await?
                }
            };
            let (begun, refused_at) = (Instant::now(), transport.line.gate.refused_at());
            let pass = match transport.line.gate.admit(deadline, &mut waited).await {
                // The slot is for now: the ledger has gone on meanwhile.
                Ok(_)
                    if slot.is_some()
                        && (begun.elapsed() > SLOT_KEEPS_FOR
                            || transport.line.gate.refused_at() != refused_at) =>
                {
                    slot.into_iter().for_each(|slot| slot.end(End::NotSent));
                    continue;
                }
                // Whoever was before has shown that there is no use in asking.
                Ok(_) if endpoint.is_v3() && !transport.line.may_ask_v3() => {
                    slot.into_iter().for_each(|slot| slot.end(End::NotSent));
                    return Err(Error::Key);
                }
                Ok(pass) => pass,
                Err(error) => {
                    slot.into_iter().for_each(|slot| slot.end(End::NotSent));
                    return Err(error);
                }
            };
            if let Err(trouble) = self.write_down().await {
                slot.into_iter().for_each(|slot| slot.end(End::NotSent));
                return Err(Error::Transient {
                    trouble,
                    attempts: attempt,
                });
            }
            attempt += 1;
            let ended = deadline.run(transport.once(endpoint, payload, &read)).await?;
            if let Some(slot) = slot {
                slot.end(ended.as_ref().map_or_else(Refusal::end, |_| End::Answered));
            }
            let refusal = match ended {
                Ok(value) => return Ok(value),
                Err(refusal) => refusal,
            };
            drop(pass);
            tracing::debug!(endpoint = endpoint.path, attempt, ?refusal, "call failed");
            match refusal {
                Refusal::Final(error) | Refusal::BrokenOff(error) => return Err(error),
                // The gate is closed now: the next round waits there, or finds that it can't.
                Refusal::Quota(hint) => {
                    transport.line.gate.refused(hint);
                    attempt -= 1;
                }
                // It would be as large the next time.
                Refusal::Trouble(trouble @ Trouble::BodyTooLarge(_)) => {
                    return Err(Error::Transient {
                        trouble,
                        attempts: attempt,
                    });
                }
                Refusal::Trouble(trouble) => {
                    let failures = transport.line.failures_in_a_row.fetch_add(1, Ordering::Relaxed);
                    let is_made_perhaps = self.submission.is_some() && trouble.may_have_arrived();
                    let decision = match failures >= OUTAGE || is_made_perhaps {
                        true => Decision::GiveUp,
                        false => policy.after_trouble(attempt, rand::random(), deadline.left()),
                    };
                    match decision {
                        Decision::Wait(pause) => deadline.sleep(pause).await?,
                        Decision::GiveUp => {
                            return Err(Error::Transient {
                                trouble,
                                attempts: attempt,
                            });
                        }
                    }
                }
            }
        }
    }
}

impl Drop for Errand<'_> {
    fn drop(&mut self) {
        self.give_back();
    }
}
