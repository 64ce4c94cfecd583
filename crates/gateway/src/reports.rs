//! Reports of API v2, out of the cache that all programs share; what is not there is asked for in as few calls as can be.

use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE_NO_PAD};
use bytes::Bytes;
use serde::Deserialize;
use serde_json::json;
use serde_json::value::RawValue;
use virustotal::object::parse_ip;
use virustotal::{
    Accept, Client, Deadline, DomainName, Error, FileHash, ObjectError, ObjectId, Passing, PassingBody,
    Reply, Report, UrlId, Version,
};

use crate::answer::{Told, made};
use crate::body::Fields;
use crate::callers::{Caller, Spending};
use crate::refusal::Refusal;
use crate::server::Shared;

/// Characters of an analysis's id.
const SCAN_ID: std::ops::RangeInclusive<usize> = 20..=256;

/// What is reported on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Url,
    Domain,
    Ip,
}

/// One resource of a request, as it was sent, and what becomes of it.
struct Item {
    resource: String,
    step: Step,
}

enum Step {
    Object(ObjectId),
    Analysis,
    /// The element of the answer.
    Done(String),
    Missing,
    /// Not asked about, as the token's day has no room for it; left out.
    Beyond,
}

impl Kind {
    /// Of the endpoints that report, the path's.
    pub(crate) fn of(segments: &[&str]) -> Option<Self> {
        Some(match *segments {
            ["file", "report"] => Self::File,
            ["url", "report"] => Self::Url,
            ["domain", "report"] => Self::Domain,
            ["ip-address", "report"] => Self::Ip,
            _ => return None,
        })
    }

    fn parameter(self) -> &'static str {
        match self {
            Self::File | Self::Url => "resource",
            Self::Domain => "domain",
            Self::Ip => "ip",
        }
    }

    /// The resources of a request: as many as a call takes, what is more is left out as VirusTotal does.
    fn resources(self, text: &str, most: usize) -> Vec<String> {
        let parts: Vec<&str> = match self {
            Self::File => text.split(',').collect(),
            Self::Url => text.split('\n').collect(),
            Self::Domain | Self::Ip => vec![text],
        };
        let parts = parts.into_iter().map(str::trim).filter(|part| !part.is_empty());
        parts.take(most).map(str::to_owned).collect()
    }

    fn read(self, resource: &str) -> Step {
        let read = match self {
            Self::File => FileHash::parse(resource).map(ObjectId::File),
            Self::Url if is_scan_id(resource) => return Step::Analysis,
            Self::Url => UrlId::parse(resource).map(ObjectId::Url),
            Self::Domain => DomainName::parse(resource).map(ObjectId::Domain),
            Self::Ip => parse_ip(resource).map(ObjectId::Ip),
        };
        match read {
            Ok(object) => Step::Object(object),
            Err(_) if self == Self::File && is_scan_id(resource) => Step::Analysis,
            Err(error) => Step::Done(self.refused(resource, &error)),
        }
    }

    /// Malformed, or of the own network: not asked. Source: API v2, section 1.2.
    fn refused(self, resource: &str, error: &ObjectError) -> String {
        if error.is_internal() {
            let words = error.to_string().replacen("not sent", "Not sent", 1);
            return self.without_report(0, resource, &words);
        }
        match self {
            Self::File => self.without_report(0, resource, "Invalid resource, check what you are submitting"),
            Self::Url => self.without_report(-1, resource, "Invalid URL, the scan request was not queued"),
            Self::Domain => self.without_report(-1, resource, "Invalid domain"),
            Self::Ip => self.without_report(-1, resource, "Invalid IP address"),
        }
    }

    fn missing(self, resource: &str) -> String {
        let words = match self {
            Self::File => "The requested resource is not among the finished, queued or pending scans",
            Self::Url => "Resource does not exist in the dataset",
            Self::Domain => "Domain not found in dataset",
            Self::Ip => "IP address not found in dataset",
        };
        self.without_report(0, resource, words)
    }

    fn without_report(self, code: i32, resource: &str, words: &str) -> String {
        match self {
            Self::File | Self::Url => {
                json!({"response_code": code, "resource": resource, "verbose_msg": words}).to_string()
            }
            Self::Domain | Self::Ip => json!({"response_code": code, "verbose_msg": words}).to_string(),
        }
    }

    fn element(self, resource: &str, answer: virustotal::Answer) -> Option<String> {
        match answer {
            virustotal::Answer::Found(report) => Some(match self {
                Self::File | Self::Url => named(&report, resource),
                Self::Domain | Self::Ip => report.raw().to_owned(),
            }),
            virustotal::Answer::Missing => None,
            virustotal::Answer::Queued { scan_id } => Some(
                json!({
                    "response_code": -2, "resource": resource, "scan_id": scan_id.unwrap_or_else(|| resource.to_owned()),
                    "verbose_msg": "Your resource is queued for analysis",
                })
                .to_string(),
            ),
        }
    }
}

/// The id of an analysis: `<sha256>-<seconds>`, or a text in base64.
fn is_scan_id(resource: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_=+/".contains(&byte);
    let is_hash =
        matches!(resource.len(), 32 | 40 | 64) && resource.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_hash || !SCAN_ID.contains(&resource.len()) || !resource.bytes().all(is_plain) {
        return false;
    }
    let of_hash = resource.split_once('-').is_some_and(|(hash, at)| {
        hash.len() == 64
            && hash.bytes().all(|byte| byte.is_ascii_hexdigit())
            && at.bytes().all(|byte| byte.is_ascii_digit())
    });
    // Not every word of these characters is base64 of a text.
    let bare = resource.trim_end_matches('=');
    let decoded = BASE64_STANDARD_NO_PAD
        .decode(bare)
        .or_else(|_| BASE64_URL_SAFE_NO_PAD.decode(bare));
    of_hash || decoded.is_ok_and(|text| text.iter().all(u8::is_ascii_graphic))
}

#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow, default)]
    resource: Option<&'a RawValue>,
}

/// A report with the resource's name as this caller spells it; every other byte stays.
fn named(report: &Report, resource: &str) -> String {
    let text = report.raw();
    let renamed = || {
        let old = serde_json::from_str::<Named<'_>>(text).ok()?.resource?.get();
        let new = serde_json::to_string(resource).ok()?;
        let begin = (old.as_ptr() as usize).checked_sub(text.as_ptr() as usize)?;
        let (before, after) = (text.get(..begin)?, text.get(begin + old.len()..)?);
        Some([before, &new, after].concat())
    };
    renamed().unwrap_or_else(|| text.to_owned())
}

/// The answer to a request for reports.
pub(crate) async fn answer(
    shared: &Shared,
    caller: &Arc<Caller>,
    kind: Kind,
    parameters: &Fields,
    accept: Accept,
    deadline: &Deadline,
    told: &mut Told,
) -> Result<Reply, Refusal> {
    let parameter = |name: &str| {
        let found = parameters.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    };
    let text = parameter(kind.parameter()).unwrap_or_default();
    let resources = kind.resources(text, shared.tier.batch_size());
    if resources.is_empty() {
        return Err(Refusal::BadRequest(format!(
            "The parameter {} is missing: it says what is asked about",
            kind.parameter()
        )));
    }
    told.object = Some(resources.join("\n"));
    let items = resources.into_iter().map(|resource| {
        let step = kind.read(&resource);
        Item { resource, step }
    });
    let mut items: Vec<Item> = items.collect();
    if accept != Accept::Nothing {
        recall(caller.client(), kind, &mut items).await;
    }
    told.kept = items.iter().all(|item| !item.is_open());
    let submits = kind == Kind::Url
        && matches!(parameter("scan"), Some("1" | "true"))
        && shared.policy.check(caller).is_ok();
    if let Some(spending) = afford(caller, kind, &mut items)? {
        let asked = ask(shared, spending.client(), kind, &mut items, accept, deadline).await;
        told.calls += spending.calls();
        asked?;
    }
    if submits && items.iter().any(|item| matches!(item.step, Step::Missing)) {
        told.kept = false;
        let spending = caller.spend()?;
        let submitted = submit(spending.client(), &mut items, deadline).await;
        told.calls += spending.calls();
        submitted?;
    }
    let is_one = items.len() == 1;
    let elements: Vec<String> = items
        .into_iter()
        .filter_map(|item| match item.step {
            Step::Done(element) => Some(element),
            Step::Beyond => None,
            Step::Object(_) | Step::Analysis | Step::Missing => Some(kind.missing(&item.resource)),
        })
        .collect();
    let body = match elements.as_slice() {
        [only] if is_one => only.clone(),
        several => format!("[{}]", several.join(", ")),
    };
    Ok(Reply {
        is_kept: told.kept,
        ..made(Bytes::from(body))
    })
}

/// What is open is asked about as far as the token's day has room for; the rest is left out, as what a call does not take.
/// Where there is nothing to answer then, the request is refused.
fn afford(caller: &Arc<Caller>, kind: Kind, items: &mut [Item]) -> Result<Option<Spending>, Refusal> {
    let a_call = match kind {
        Kind::File | Kind::Url => caller.batch_size(),
        Kind::Domain | Kind::Ip => 1,
    };
    let open = items.iter().filter(|item| item.is_open()).count();
    if open == 0 {
        return Ok(None);
    }
    let spending = match caller.spend_up_to(open.div_ceil(a_call) as u64) {
        Err(Refusal::Quota(..)) if open < items.len() => None,
        spending => Some(spending?),
    };
    let granted = spending.as_ref().map_or(0, Spending::granted);
    let granted = usize::try_from(granted)
        .unwrap_or(usize::MAX)
        .saturating_mul(a_call);
    for item in items.iter_mut().filter(|item| item.is_open()).skip(granted) {
        item.step = Step::Beyond;
    }
    Ok(spending)
}

impl Item {
    fn is_open(&self) -> bool {
        matches!(self.step, Step::Object(_) | Step::Analysis)
    }

    fn take(&mut self, kind: Kind, answer: virustotal::Answer) {
        self.step = match kind.element(&self.resource, answer) {
            Some(element) => Step::Done(element),
            None => Step::Missing,
        };
    }
}

/// What is kept is not asked for.
async fn recall(client: &Client, kind: Kind, items: &mut [Item]) {
    let open = items.iter_mut().filter_map(|item| match &item.step {
        Step::Object(object) => Some((object.clone(), item)),
        _ => None,
    });
    let (objects, open): (Vec<ObjectId>, Vec<&mut Item>) = open.unzip();
    let kept = client.kept(&objects).await;
    for (item, kept) in open.into_iter().zip(kept) {
        if let Some(kept) = kept {
            item.take(kind, kept);
        }
    }
}

/// Asks about what is open.
async fn ask(
    shared: &Shared,
    client: &Arc<Client>,
    kind: Kind,
    items: &mut [Item],
    accept: Accept,
    deadline: &Deadline,
) -> Result<(), Refusal> {
    let (mut objects, mut named): (Vec<ObjectId>, Vec<&mut Item>) = (Vec::new(), Vec::new());
    let (mut ids, mut analyses): (Vec<String>, Vec<&mut Item>) = (Vec::new(), Vec::new());
    for item in items {
        match &item.step {
            Step::Object(object) => {
                objects.push(object.clone());
                named.push(item);
            }
            Step::Analysis => {
                ids.push(item.resource.clone());
                analyses.push(item);
            }
            Step::Done(_) | Step::Missing | Step::Beyond => {}
        }
    }
    let (client, deadline) = (Arc::clone(client), deadline.clone());
    let asked = shared.look_ups.run(move || async move {
        let polled = async {
            match kind {
                _ if ids.is_empty() => Vec::new(),
                Kind::File => client.file_reports_by_scan_id(&ids, &deadline).await,
                Kind::Url => client.url_reports_by_scan_id(&ids, &deadline).await,
                Kind::Domain | Kind::Ip => Vec::new(),
            }
        };
        tokio::join!(look_up(&client, &objects, accept, &deadline), polled)
    });
    let (asked, polled) = asked
        .await
        .ok_or_else(|| Refusal::Unavailable("The gateway is about to end".to_owned()))?;
    let all = named
        .into_iter()
        .zip(asked)
        .chain(analyses.into_iter().zip(polled));
    let mut refusal = None;
    for (item, answer) in all {
        match answer {
            Ok(answer) => item.take(kind, answer),
            Err(Error::InvalidArgument { .. }) => {
                let element = kind.refused(&item.resource, &ObjectError::Empty);
                item.step = Step::Done(element);
            }
            // A used-up quota says most: the caller knows what to do then.
            Err(error) => {
                refusal = match refusal {
                    Some(old @ Refusal::Quota(..)) => Some(old),
                    _ => Some(Refusal::of(&error)),
                };
            }
        }
    }
    refusal.map_or(Ok(()), Err)
}

async fn look_up(
    client: &Client,
    objects: &[ObjectId],
    accept: Accept,
    deadline: &Deadline,
) -> Vec<Result<virustotal::Answer, Error>> {
    let (mut files, mut urls, mut domains, mut addresses) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for object in objects {
        match object {
            ObjectId::File(hash) => files.push(hash.clone()),
            ObjectId::Url(url) => urls.push(url.clone()),
            ObjectId::Domain(domain) => domains.push(domain.clone()),
            ObjectId::Ip(address) => addresses.push(*address),
        }
    }
    // A request is about objects of one kind.
    match () {
        () if !files.is_empty() => client.file_reports(&files, accept, deadline).await,
        () if !urls.is_empty() => client.url_reports(&urls, accept, deadline).await,
        () if !domains.is_empty() => client.domain_reports(&domains, accept, deadline).await,
        () if !addresses.is_empty() => client.ip_reports(&addresses, accept, deadline).await,
        () => Vec::new(),
    }
}

/// URLs without a report, where the caller wants them submitted: once, whatever comes of it.
async fn submit(client: &Client, items: &mut [Item], deadline: &Deadline) -> Result<(), Refusal> {
    let missing = items.iter_mut().filter(|item| matches!(item.step, Step::Missing));
    let missing: Vec<&mut Item> = missing.collect();
    let resources: Vec<&str> = missing.iter().map(|item| item.resource.as_str()).collect();
    let passing = Passing {
        version: Version::V2,
        method: axum::http::Method::POST,
        path: vec!["url".to_owned(), "report".to_owned()],
        query: Vec::new(),
        body: PassingBody::Form(vec![
            ("resource".to_owned(), resources.join("\n")),
            ("scan".to_owned(), "1".to_owned()),
        ]),
    };
    let urls = each_url(&resources);
    let sent = client.pass(&passing, Accept::Nothing, deadline).await;
    client.forget(&urls).await;
    let reply = sent.map_err(|error| Refusal::of(&error))?;
    let unusable = || Refusal::Unavailable("VirusTotal's answer is unusable".to_owned());
    let text = std::str::from_utf8(&reply.body).map_err(|_| unusable())?;
    let elements: Vec<Box<RawValue>> = match missing.len() {
        1 => vec![serde_json::from_str(text).map_err(|_| unusable())?],
        _ => serde_json::from_str(text).map_err(|_| unusable())?,
    };
    if elements.len() != missing.len() || reply.status != 200 {
        return Err(unusable());
    }
    for (item, element) in missing.into_iter().zip(elements) {
        item.step = Step::Done(element.get().to_owned());
    }
    Ok(())
}

fn each_url(resources: &[&str]) -> Vec<ObjectId> {
    let urls = resources.iter().filter_map(|text| UrlId::parse(text).ok());
    urls.map(ObjectId::Url).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;
    use virustotal::Report;

    use super::{Kind, Step, named};

    #[test]
    fn a_kept_report_names_the_resource_as_this_caller_spells_it_and_changes_nothing_else() {
        let report = |text: &str| Report::from(RawValue::from_string(text.to_owned()).unwrap());
        let kept = report(r#"{ "resource":"abc",  "n": 1.50, "scans": {"resource": "x"} }"#);
        assert_eq!(
            named(&kept, "A\"B"),
            r#"{ "resource":"A\"B",  "n": 1.50, "scans": {"resource": "x"} }"#
        );
        assert_eq!(named(&report(r#"{"n": 1}"#), "abc"), r#"{"n": 1}"#);
    }

    #[test]
    fn what_is_of_the_own_network_or_malformed_is_answered_here() {
        let element = |kind: Kind, resource: &str| match kind.read(resource) {
            Step::Done(element) => element,
            _ => panic!("{resource} would be asked"),
        };
        assert!(element(Kind::Ip, "10.0.0.1").contains("Not sent to VirusTotal"));
        assert!(element(Kind::Url, "http://intranet/x").contains("Not sent to VirusTotal"));
        assert!(element(Kind::Ip, "300.1.1.1").contains("Invalid IP address"));
        assert!(element(Kind::File, "hello").contains("Invalid resource"));
        let scan_id = format!("{}-1500000000", "a".repeat(64));
        for kind in [Kind::File, Kind::Url] {
            assert!(matches!(kind.read(&scan_id), Step::Analysis));
        }
        assert!(matches!(Kind::File.read(&"a".repeat(64)), Step::Object(_)));
        assert!(matches!(Kind::Url.read("http://a.example.com/"), Step::Object(_)));
    }

    #[test]
    fn more_resources_than_a_call_takes_are_left_out_as_virustotal_does() {
        assert_eq!(Kind::File.resources("a, b,,c,d,e", 4), ["a", "b", "c", "d"]);
        assert_eq!(Kind::Url.resources("a,b\r\nc", 4), ["a,b", "c"]);
        assert_eq!(Kind::Domain.resources("a,b", 4), ["a,b"]);
    }
}
