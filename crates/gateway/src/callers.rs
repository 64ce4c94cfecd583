//! Who asks: the tokens that count now, each with its place in the quota's line and what it has used of its day.

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use subtle::ConstantTimeEq;
use virustotal::quota::Limits;
use virustotal::{Client, Clock};

use crate::refusal::Refusal;
use crate::tokens::{self, Seen, Token, Tokens};

/// One token that counts.
pub(crate) struct Caller {
    pub(crate) token: Token,
    account: Arc<Account>,
    /// Calls a day; the error says why that is not known.
    allowed: Result<Option<u32>, String>,
    clock: Clock,
}

impl fmt::Debug for Caller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Caller({})", self.token.name)
    }
}

/// What goes on when the file of tokens changes.
struct Account {
    client: Client,
    /// The log knows that the token has ended.
    is_over: AtomicBool,
    day: Mutex<Day>,
}

struct Day {
    date: Date,
    used: u64,
    /// Calls that requests under way may make.
    under_way: u64,
}

/// A request that may make calls: counted for its token when it ends, however it ends.
pub(crate) struct Spending {
    caller: Arc<Caller>,
    client: Arc<Client>,
    /// Calls that it may make, as far as that is known before.
    granted: u64,
}

/// See the module.
pub(crate) struct Callers {
    tokens: Tokens,
    client: Client,
    limits: Limits,
    clock: Clock,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The file as it was when it was read; `None` before, and where it could not be read.
    seen: Option<Option<Seen>>,
    callers: Vec<Arc<Caller>>,
    /// By the token's id; they stay, whatever becomes of the file.
    accounts: HashMap<String, Arc<Account>>,
    /// Why the file can't be read: then no token counts.
    trouble: Option<String>,
    /// Calls of today that were made before this process began, by the token's id.
    earlier: HashMap<String, u64>,
}

impl Callers {
    pub(crate) fn new(
        tokens: Tokens,
        client: Client,
        limits: Limits,
        clock: Clock,
        earlier: HashMap<String, u64>,
    ) -> Self {
        Self {
            tokens,
            client,
            limits,
            clock,
            known: Mutex::new(Known {
                earlier,
                ..Known::default()
            }),
        }
    }

    /// Whose token that is.
    pub(crate) fn find(&self, secret: &str) -> Option<Arc<Caller>> {
        self.shown(secret).filter(|caller| !self.has_ended(caller))
    }

    /// Whose token that was, which has ended: whoever uses it is to be told apart from those who try.
    pub(crate) fn find_ended(&self, secret: &str) -> Option<Arc<Caller>> {
        self.shown(secret).filter(|caller| self.has_ended(caller))
    }

    /// Every token is compared, to its end, whichever it is.
    fn shown(&self, secret: &str) -> Option<Arc<Caller>> {
        let given = tokens::hash(secret.trim());
        let mut found = None;
        for caller in &self.current().callers {
            if bool::from(caller.token.hash.ct_eq(&given)) {
                found = Some(Arc::clone(caller));
            }
        }
        found
    }

    fn has_ended(&self, caller: &Caller) -> bool {
        caller.token.has_ended(self.clock.now())
    }

    /// Whether that token still counts.
    pub(crate) fn with_id(&self, id: &str) -> Option<Arc<Caller>> {
        let known = self.current();
        let found = known.callers.iter().find(|caller| caller.token.id == id).cloned();
        found.filter(|caller| !self.has_ended(caller))
    }

    /// Why no token counts.
    pub(crate) fn trouble(&self) -> Option<String> {
        self.current().trouble.clone()
    }

    /// Whether VirusTotal refuses the key.
    pub(crate) fn key_is_refused(&self) -> bool {
        self.client.key_is_refused()
    }

    /// As the file is now: a token that is revoked counts no more with the next request.
    fn current(&self) -> MutexGuard<'_, Known> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let seen = self.tokens.seen();
        if known.seen == Some(seen) {
            return known;
        }
        match self.tokens.list() {
            Ok(tokens) => {
                let valid = tokens.into_iter().filter(|token| token.revoked_at.is_none());
                let callers = valid.map(|token| self.caller(token, &mut known)).collect();
                known.callers = callers;
                known.trouble = None;
                known.seen = Some(seen);
            }
            Err(error) => {
                let words = error.to_string();
                // It is tried again with each request, and told once.
                if known.trouble.as_ref() != Some(&words) {
                    tracing::error!(%error, "no token counts");
                }
                known.callers.clear();
                known.seen = None;
                known.trouble = Some(words);
            }
        }
        known
    }

    fn caller(&self, token: Token, known: &mut Known) -> Arc<Caller> {
        let Known {
            accounts, earlier, ..
        } = known;
        let account = accounts.entry(token.id.clone()).or_insert_with(|| {
            Arc::new(Account {
                client: self.client.for_run(token.rights.priority, &token.name),
                is_over: AtomicBool::new(false),
                day: Mutex::new(Day {
                    date: date(self.clock.now()),
                    used: earlier.remove(&token.id).unwrap_or(0),
                    under_way: 0,
                }),
            })
        });
        let account = Arc::clone(account);
        let allowed = token.rights.allowance.calls(&self.limits);
        Arc::new(Caller {
            allowed: allowed.map_err(|error| error.to_string()),
            token,
            account,
            clock: self.clock.clone(),
        })
    }
}

impl Caller {
    /// Tells the log, once, that somebody uses it after its end.
    pub(crate) fn is_used_after_its_end(&self) {
        if !self.account.is_over.swap(true, Ordering::Relaxed) {
            let name = &self.token.name;
            tracing::warn!(token = %name, "the token has ended and is still used: make a new one for whoever does");
        }
    }

    /// Files or URLs that one call asks about.
    pub(crate) fn batch_size(&self) -> usize {
        self.account.client.batch_size()
    }

    /// In which order its calls go.
    pub(crate) fn priority(&self) -> &'static str {
        self.token.rights.priority.name()
    }

    /// Its client, for what makes no call.
    pub(crate) fn client(&self) -> &Client {
        &self.account.client
    }

    /// Calls that it may make a day, where there is a bound.
    pub(crate) fn allowed(&self) -> Option<u32> {
        self.allowed.as_ref().ok().copied().flatten()
    }

    /// Its id where it has a bound of its own, which may refuse what another token is not refused.
    pub(crate) fn bounded_as(&self) -> &str {
        match self.allowed {
            Ok(None) => "",
            _ => &self.token.id,
        }
    }

    /// Calls that it has made today.
    pub(crate) fn used(&self) -> u64 {
        self.today(self.clock.now()).used
    }

    /// The UTC date.
    pub(crate) fn date(&self) -> Date {
        date(self.clock.now())
    }

    /// Begins a request that makes a call.
    pub(crate) fn spend(self: &Arc<Self>) -> Result<Spending, Refusal> {
        self.spend_up_to(1)
    }

    /// Begins a request that makes up to so many calls, as far as the token's day has room for them; refused where it has
    /// none at all.
    pub(crate) fn spend_up_to(self: &Arc<Self>, most: u64) -> Result<Spending, Refusal> {
        let now = self.clock.now();
        let allowed = self
            .allowed
            .clone()
            .map_err(|words| Refusal::Quota(None, words))?;
        let mut day = self.today(now);
        let free = allowed.map_or(most, |allowed| {
            u64::from(allowed).saturating_sub(day.used + day.under_way)
        });
        if let Some(allowed) = allowed
            && free == 0
        {
            let words = format!(
                "The token {} has used its {allowed} calls of today. A new day begins at 00:00 UTC; what is kept is answered \
                 all the same.",
                self.token.name
            );
            return Err(Refusal::Quota(until_tomorrow(now), words));
        }
        let granted = free.min(most);
        day.under_way += granted;
        drop(day);
        Ok(Spending {
            granted,
            client: Arc::new(self.account.client.apart()),
            caller: Arc::clone(self),
        })
    }

    fn today(&self, now: Timestamp) -> MutexGuard<'_, Day> {
        let mut day = self.account.day.lock().unwrap_or_else(PoisonError::into_inner);
        let date = date(now);
        if day.date != date {
            day.date = date;
            day.used = 0;
        }
        day
    }
}

impl Spending {
    pub(crate) fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// Calls that it may make.
    pub(crate) fn granted(&self) -> u64 {
        self.granted
    }

    /// Calls made so far.
    pub(crate) fn calls(&self) -> u64 {
        self.client.calls().values().sum()
    }
}

impl Drop for Spending {
    fn drop(&mut self) {
        let calls = self.calls();
        let mut day = self.caller.today(self.caller.clock.now());
        day.under_way = day.under_way.saturating_sub(self.granted);
        day.used += calls;
    }
}

fn date(now: Timestamp) -> Date {
    TimeZone::UTC.to_datetime(now).date()
}

fn until_tomorrow(now: Timestamp) -> Option<Duration> {
    let tomorrow = date(now).checked_add(1.day()).ok()?;
    let begin = TimeZone::UTC.to_timestamp(tomorrow.at(0, 0, 0, 0)).ok()?;
    Duration::try_from(begin.duration_since(now)).ok()
}
