//! Faults on request.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What goes wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FaultKind {
    /// This status; 5xx with an HTML page, others with an empty body.
    Status(u16),
    /// 204 with an empty body, as a used-up quota.
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
}

/// A fault, and which calls it befalls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// What goes wrong.
    pub kind: FaultKind,
    /// Only on this endpoint, such as `file/report`.
    pub endpoint: Option<String>,
    /// Only where a resource contains this.
    pub resource_contains: Option<String>,
    /// So many matching calls pass first.
    pub skip: u32,
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
            times: None,
        }
    }

    /// Only on this endpoint.
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

    /// Only so often.
    #[must_use]
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    fn befalls(&self, endpoint: &str, resources: &[String]) -> bool {
        self.endpoint.as_ref().is_none_or(|own| own == endpoint)
            && self
                .resource_contains
                .as_ref()
                .is_none_or(|part| resources.iter().any(|resource| resource.contains(part)))
    }
}

/// The fault that befalls this call, if any; counts it.
pub(crate) fn strike(faults: &mut [Fault], endpoint: &str, resources: &[String]) -> Option<FaultKind> {
    for index in 0..faults.len() {
        let fault = faults
            .get_mut(index)
            .filter(|fault| fault.befalls(endpoint, resources));
        let Some(fault) = fault else { continue };
        if fault.skip > 0 {
            fault.skip -= 1;
            continue;
        }
        let kind = fault.kind.clone();
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
            "{:?} is no fault: give KIND[*TIMES][@ENDPOINT][+SKIP], where KIND is an HTTP status, quota, retry-after=SECONDS, \
             reset, hang, slow, truncated, not-json, huge, empty, null or wrong-types; for example 503*2@file/report",
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
        let (kind, times) = split(rest, '*');
        let number = |text: &str| text.parse::<u32>().map_err(|_| error());
        Ok(Self {
            kind: kind_named(kind).ok_or_else(error)?,
            endpoint: endpoint.map(str::to_owned),
            resource_contains: None,
            skip: skip.map(number).transpose()?.unwrap_or(0),
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
        _ => match name.strip_prefix("retry-after=") {
            Some(seconds) => FaultKind::RetryAfter(429, seconds.parse().ok()?),
            None => FaultKind::Status(name.parse().ok().filter(|status| (200..600).contains(status))?),
        },
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
            "retry-after=9".parse(),
            Ok(Fault::new(FaultKind::RetryAfter(429, 9)))
        );
        for text in ["", "boom", "99", "reset*x", "503+"] {
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
            |endpoint: &str, resource: &str| strike(&mut faults, endpoint, &[resource.to_owned()]);
        assert_eq!(struck("b", "y"), None);
        assert_eq!(struck("a", "y"), None);
        assert_eq!(
            [struck("a", "y"), struck("a", "x"), struck("a", "y")],
            [Some(FaultKind::Reset), Some(FaultKind::Reset), None]
        );
        assert_eq!(struck("a", "xx"), Some(FaultKind::Hang));
    }
}
