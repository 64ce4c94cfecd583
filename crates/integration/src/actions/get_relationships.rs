//! Get Relationships: what is related to a file, URL, domain or address, as entities.

use futures_util::future::join_all;
use secops::{ActionResult, ParameterError};
use virustotal::{Error, ObjectId};

use super::told::{Ending, List, Told};
use super::{Action, Run, limit};
use crate::definition::RELATIONSHIPS;
use crate::lookup::Outcome;
use crate::render;

pub(super) async fn run(run: Run<'_>) -> Result<ActionResult, ParameterError> {
    let names = names(&run.context.parameters.required_text(RELATIONSHIPS)?)?;
    let most = limit(run)?;
    let plan = Action::GetRelationships.plan(run.context);
    let asks = plan
        .groups
        .iter()
        .map(|group| ask(run, &group.object, &names, most));
    let told = join_all(asks).await;
    Ok(Ending {
        action: Action::GetRelationships,
        words: &render::message::RELATIONSHIP_WORDS,
        run,
        plan: &plan,
        told,
    }
    .conclude())
}

/// The names, each once. They become a part of an address, so nothing else is let in.
fn names(text: &str) -> Result<Vec<String>, ParameterError> {
    let mut names: Vec<String> = Vec::new();
    for name in text.split(',').map(|name| name.trim().to_lowercase()) {
        let is_name = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
        if name.is_empty() || !is_name {
            let expected = "comma-separated names such as contacted_domains, dropped_files";
            return Err(ParameterError::invalid(RELATIONSHIPS, expected, text));
        }
        if !names.contains(&name) {
            names.push(name);
        }
    }
    Ok(names)
}

/// Whether the object's kind has a relationship; `None` for one that is not known here, which is asked for. Source: API v3,
/// section 5.3.
fn has(object: &ObjectId, name: &str) -> Option<bool> {
    let is_file = matches!(object, ObjectId::File(_));
    let is_url = matches!(object, ObjectId::Url(_));
    let is_domain = matches!(object, ObjectId::Domain(_));
    let is_host = is_domain || matches!(object, ObjectId::Ip(_));
    Some(match name {
        "resolutions" | "historical_whois" | "historical_ssl_certificates" | "urls" => is_host,
        "subdomains" | "siblings" | "parent" | "immediate_parent" => is_domain,
        "communicating_files" | "referrer_files" | "downloaded_files" => is_host || is_url,
        "last_serving_ip_address" | "network_location" | "redirecting_urls" => is_url,
        "analyses" | "submissions" => is_file || is_url,
        "contacted_domains"
        | "contacted_ips"
        | "contacted_urls"
        | "dropped_files"
        | "bundled_files"
        | "pe_resource_parents"
        | "itw_urls"
        | "compressed_parents"
        | "email_parents" => is_file,
        _ => return None,
    })
}

/// One relationship after the other; those that the object's kind does not have, or that the key is not shown, are told.
async fn ask(run: Run<'_>, object: &ObjectId, names: &[String], most: usize) -> Result<Told, Outcome> {
    let (mut lists, mut refused) = (Vec::new(), Vec::new());
    let mut is_missing = false;
    for name in names {
        let has = has(object, name);
        if has == Some(false) {
            refused.push(format!("{name}: {} has no such relationship", kind(object)));
            continue;
        }
        match run.client.related(object, name, most, run.deadline).await {
            Ok(listing) => lists.push(List::of(name, listing)),
            // Nobody says whether it is the object that is missing, or a relationship that is not known here either.
            Err(Error::Missing) => {
                is_missing |= has == Some(true);
                refused.push(format!("{name}: VirusTotal does not know it here"));
            }
            Err(Error::Forbidden { .. }) => refused.push(format!("{name}: the API key is not shown it")),
            Err(Error::InvalidArgument { .. }) => {
                refused.push(format!("{name}: {} has no such relationship", kind(object)));
            }
            Err(error) => return Err(Outcome::failed(&error)),
        }
    }
    let counts = lists.iter().map(List::in_words);
    let remark = counts
        .chain(refused.iter().cloned())
        .collect::<Vec<_>>()
        .join("; ");
    match lists.is_empty() {
        true if is_missing => Err(Outcome::Missing),
        true => Err(Outcome::Failed(remark)),
        false => Ok(Told {
            remark: Some(remark),
            lists,
            ..Told::default()
        }),
    }
}

fn kind(object: &ObjectId) -> &'static str {
    match object {
        ObjectId::File(_) => "a file",
        ObjectId::Url(_) => "a URL",
        ObjectId::Domain(_) => "a domain",
        ObjectId::Ip(_) => "an IP address",
    }
}

#[cfg(test)]
mod tests {
    use super::names;

    #[test]
    fn names_come_once_and_nothing_else_gets_into_an_address() {
        assert_eq!(
            names(" Contacted_Domains, dropped_files,contacted_domains").unwrap(),
            ["contacted_domains", "dropped_files"]
        );
        for bad in ["a/b", "a,,b", "..", "a b", "é"] {
            assert!(
                names(bad).unwrap_err().to_string().contains("Relationships"),
                "{bad}"
            );
        }
    }
}
