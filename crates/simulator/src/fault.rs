//! Faults on request.

use std::fmt;
use std::num::NonZeroU32;
use std::str::FromStr;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// This status; 5xx with an HTML page, others with an empty body. In API v3 503, 504 and 4xx have an error's body.
    Status(u16),
    /// As a used-up quota: 204 with an empty body, in API v3 429 with `QuotaExceededError`.
    Quota,
    /// This status, and `Retry-After` with these seconds.
    RetryAfter(u16, u64),
    /// The connection is reset before any answer.
    Reset,
    /// No answer, ever.
    Hang,
    /// The answer's head at once, its body over this time.
    SlowBody(Duration),
    /// The connection ends in the middle of the body.
    Truncated,
    /// 200 with an HTML page.
    NotJson,
    /// 200 with JSON that goes on for that many bytes.
    Huge(u64),
    /// 200 with `{}`.
    EmptyObject,
    /// 200 with `null`.
    Null,
    /// The ordinary answer with numbers as texts, and some texts as numbers or null.
    WrongTypes,
    /// 302 to this address.
    Redirect(String),
    /// This status with API v3's error body of this code, and `Retry-After` with these seconds; API v2 gets no body.
    Error {
        /// HTTP status.
        status: u16,
        /// API v3's code, such as `QuotaExceededError`.
        code: String,
        /// Seconds of `Retry-After`.
        retry_after: Option<u64>,
    },
    /// The ordinary answer of API v3 with half its attributes null or missing.
    Nulls,
    /// The ordinary answer of API v3 with a category nobody knows, and an engine whose name has dots and brackets.
    NewCategory,
}

impl FaultKind {
    /// API v3's 429 for those who ask too fast.
    #[must_use]
    pub fn too_many_requests() -> Self {
        Self::Error {
            status: 429,
            code: "TooManyRequestsError".to_owned(),
            retry_after: None,
        }
    }
}

/// A fault, and which calls it befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only on this endpoint, such as `file/report`, or `POST v3/files` for one method of it.
    pub endpoint: Option<String>,
    /// Only where a resource contains this.
    pub resource_contains: Option<String>,
    /// So many matching calls pass first.
    pub skip: u32,
    /// After one it befalls, each so-many-th matching call; 1 is every one.
    pub every: NonZeroU32,
    /// How often; `None` is for ever.
    pub times: Option<u32>,
}

impl Fault {
    /// A fault that befalls every call.
    #[must_use]
    pub fn new(kind: FaultKind) -> Self {
        Self {
            kind,
            endpoint: None,
            resource_contains: None,
            skip: 0,
            every: NonZeroU32::MIN,
            times: None,
        }
    }

    /// Only on this endpoint, or on one method of it: `POST v3/files`.
    #[must_use]
    pub fn on(mut self, endpoint: &str) -> Self {
        self.endpoint = Some(endpoint.to_owned());
        self
    }

    /// Only where a resource contains this.
    #[must_use]
    pub fn for_resource(mut self, part: &str) -> Self {
        self.resource_contains = Some(part.to_owned());
        self
    }

    /// Only after so many matching calls.
    #[must_use]
    pub fn after(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// After one it befalls, only each so-many-th matching call: a steady rate of trouble. 0 counts as 1.
    #[must_use]
    pub fn every(mut self, calls: u32) -> Self {
        self.every = NonZeroU32::new(calls).unwrap_or(NonZeroU32::MIN);
        self
    }

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn befalls(&self, method: &str, endpoint: &str, resources: &[String]) -> bool {
        self.endpoint
            .as_ref()
            .is_none_or(|own| names(own, method, endpoint))
            && self
                .resource_contains
                .as_ref()
                .is_none_or(|part| resources.iter().any(|resource| resource.contains(part)))
    }
}

/// Whether a text names an endpoint, alone or with its method before it.
pub(crate) fn names(text: &str, method: &str, endpoint: &str) -> bool {
    match text.split_once(' ') {
        Some((own, rest)) => own == method && rest == endpoint,
        None => text == endpoint,
    }
}

/// The fault that befalls this call, if any; counts it.
pub(crate) fn strike(
    faults: &mut [Fault],
    method: &str,
    endpoint: &str,
    resources: &[String],
) -> Option<FaultKind> {
    for index in 0..faults.len() {
        let fault = faults
            .get_mut(index)
            .filter(|fault| fault.befalls(method, endpoint, resources));
        let Some(fault) = fault else { continue };
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        let kind = fault.kind.clone();
        fault.skip = fault.every.get() - 1;
        match &mut fault.times {
            None => return Some(kind),
            Some(0) => {}
            Some(left) => {
                *left -= 1;
                return Some(kind);
            }
        }
    }
    None
}

/// A text that names no fault.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultTextError(String);

impl fmt::Display for FaultTextError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no fault: give KIND[*TIMES][%EVERY][@ENDPOINT][+SKIP], where KIND is an HTTP status, quota, retry-after=SECONDS, \
             reset, hang, slow, truncated, not-json, huge, empty, null, wrong-types, too-many-requests, nulls, new-category or \
             error=STATUS:CODE[:SECONDS]; for example 503*2@file/report, 'reset@POST v3/files' or, for each fortieth call, 503%40",
            self.0
        )
    }
}

impl std::error::Error for FaultTextError {}

impl FromStr for Fault {
    type Err = FaultTextError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || FaultTextError(text.to_owned());
        let (rest, skip) = split(text, '+');
        let (rest, endpoint) = split(rest, '@');
        let (rest, every) = split(rest, '%');
        let (kind, times) = split(rest, '*');
        let number = |text: &str| text.parse::<u32>().map_err(|_| error());
        Ok(Self {
            kind: kind_named(kind).ok_or_else(error)?,
            endpoint: endpoint.map(str::to_owned),
            resource_contains: None,
            skip: skip.map(number).transpose()?.unwrap_or(0),
            every: every
                .map(|text| text.parse().map_err(|_| error()))
                .transpose()?
                .unwrap_or(NonZeroU32::MIN),
            times: times.map(number).transpose()?,
        })
    }
}

fn split(text: &str, mark: char) -> (&str, Option<&str>) {
    text.split_once(mark)
        .map_or((text, None), |(head, tail)| (head, Some(tail)))
}

fn kind_named(name: &str) -> Option<FaultKind> {
    Some(match name {
        "quota" => FaultKind::Quota,
        "reset" => FaultKind::Reset,
        "hang" => FaultKind::Hang,
        "slow" => FaultKind::SlowBody(Duration::from_secs(3)),
        "truncated" => FaultKind::Truncated,
        "not-json" => FaultKind::NotJson,
        "huge" => FaultKind::Huge(1 << 30),
        "empty" => FaultKind::EmptyObject,
        "null" => FaultKind::Null,
        "wrong-types" => FaultKind::WrongTypes,
        "too-many-requests" => FaultKind::too_many_requests(),
        "nulls" => FaultKind::Nulls,
        "new-category" => FaultKind::NewCategory,
        _ if name.starts_with("error=") => error_named(name.strip_prefix("error=")?)?,
        _ => match name.strip_prefix("retry-after=") {
            Some(seconds) => FaultKind::RetryAfter(429, seconds.parse().ok()?),
            None => FaultKind::Status(name.parse().ok().filter(|status| (200..600).contains(status))?),
        },
    })
}

fn error_named(text: &str) -> Option<FaultKind> {
    let mut parts = text.splitn(3, ':');
    let status = parts.next()?.parse().ok()?;
    let code = parts.next().filter(|code| !code.is_empty())?.to_owned();
    let retry_after = parts
        .next()
        .map(|seconds| seconds.parse().ok())
        .map_or(Some(None), |seconds| seconds.map(Some))?;
    (400..600).contains(&status).then_some(FaultKind::Error {
        status,
        code,
        retry_after,
    })
}

#[cfg(test)]
mod tests {
    use super::{Fault, FaultKind, strike};

    #[test]
    fn a_fault_is_read_from_text() {
        assert_eq!("503".parse(), Ok(Fault::new(FaultKind::Status(503))));
        assert_eq!("reset*3".parse(), Ok(Fault::new(FaultKind::Reset).times(3)));
        assert_eq!(
            "204*2@url/report+5".parse(),
            Ok(Fault::new(FaultKind::Status(204))
                .times(2)
                .on("url/report")
                .after(5))
        );
        assert_eq!(
            "reset*9%40@url/scan+7".parse(),
            Ok(Fault::new(FaultKind::Reset)
                .times(9)
                .every(40)
                .on("url/scan")
                .after(7))
        );
        assert_eq!(
            "retry-after=9".parse(),
            Ok(Fault::new(FaultKind::RetryAfter(429, 9)))
        );
        assert_eq!(
            "error=429:QuotaExceededError:9@POST v3/files".parse(),
            Ok(Fault::new(FaultKind::Error {
                status: 429,
                code: "QuotaExceededError".to_owned(),
                retry_after: Some(9)
            })
            .on("POST v3/files"))
        );
        for text in [
            "",
            "boom",
            "99",
            "reset*x",
            "503+",
            "503%",
            "503%0",
            "error=429",
            "error=429:X:y",
        ] {
            assert!(
                text.parse::<Fault>()
                    .unwrap_err()
                    .to_string()
                    .contains("wrong-types"),
                "{text}"
            );
        }
    }

    #[test]
    fn a_fault_strikes_as_often_as_it_says_and_where() {
        let mut faults = vec![
            Fault::new(FaultKind::Reset).on("a").after(1).times(2),
            Fault::new(FaultKind::Hang).for_resource("x"),
        ];
        let mut struck =
            |endpoint: &str, resource: &str| strike(&mut faults, "GET", endpoint, &[resource.to_owned()]);
        assert_eq!(struck("b", "y"), None);
        assert_eq!(struck("a", "y"), None);
        assert_eq!(
            [struck("a", "y"), struck("a", "x"), struck("a", "y")],
            [Some(FaultKind::Reset), Some(FaultKind::Reset), None]
        );
        assert_eq!(struck("a", "xx"), Some(FaultKind::Hang));
        let mut faults = vec![Fault::new(FaultKind::Hang).on("POST a")];
        assert_eq!(strike(&mut faults, "GET", "a", &[]), None);
        assert_eq!(strike(&mut faults, "POST", "a", &[]), Some(FaultKind::Hang));
    }

    #[test]
    fn a_fault_at_a_rate_strikes_each_so_many_th_call_it_fits() {
        let mut faults = vec![
            Fault::new(FaultKind::Reset).on("a").after(1).every(3).times(2),
            Fault::new(FaultKind::Hang).every(4),
        ];
        let struck: Vec<_> = (0..10)
            .map(|_| match strike(&mut faults, "GET", "a", &[]) {
                Some(FaultKind::Reset) => 'r',
                Some(FaultKind::Hang) => 'h',
                _ => '-',
            })
            .collect();
        // A call that the first takes is not counted for the second.
        assert_eq!(struck.iter().collect::<String>(), "hr--r-h---");
    }
}
