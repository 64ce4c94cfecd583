//! The reference's samples, and the seed's.

use std::net::Ipv4Addr;
use std::sync::Arc;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::Value;

use crate::notes::Comment;
use crate::objects::file::FileHashes;
use crate::objects::url::{Url, canonical};
use crate::standing::{all, is_hash};
use crate::world::Memory;

macro_rules! samples {
    ($($name:literal,)*) => {
        const SAMPLES: &[(&str, &str)] = &[$(($name, include_str!(concat!("../samples/", $name, ".json"))),)*];
    };
}

samples! {
    "v2_comments_get", "v2_domain_report", "v2_domain_report_sparse", "v2_file_report_benign",
    "v2_file_report_benign_allinfo", "v2_file_report_eicar", "v2_file_report_uploaded", "v2_ip_report",
    "v2_url_report_clean", "v2_url_report_malicious", "seed_get_domain_report", "seed_scan_hash", "seed_scan_ip",
    "seed_scan_url", "seed_upload_and_scan_file",
    "v3_analysis_file_completed", "v3_analysis_file_in_progress", "v3_analysis_file_queued",
    "v3_analysis_url_completed", "v3_analysis_url_queued", "v3_domain", "v3_domain_communicating_files",
    "v3_domain_downloaded_files", "v3_domain_historical_whois", "v3_domain_referrer_files",
    "v3_domain_resolutions", "v3_domain_siblings", "v3_domain_subdomains", "v3_domain_urls", "v3_file_benign",
    "v3_file_comments", "v3_file_eicar", "v3_ip", "v3_ip_communicating_files", "v3_ip_downloaded_files",
    "v3_ip_referrer_files", "v3_ip_resolutions_page1", "v3_ip_resolutions_page2", "v3_ip_urls",
    "v3_url_clean", "v3_url_malicious",
}

/// What stands in the place of objects without being put there.
pub(crate) const FROM_THE_START: &[&str] = &[
    "v2_file_report_eicar",
    "v2_file_report_benign",
    "v2_file_report_benign_allinfo",
    "v2_file_report_uploaded",
    "v2_url_report_malicious",
    "v2_url_report_clean",
    "v2_domain_report",
    "v2_domain_report_sparse",
    "v2_ip_report",
    "seed_scan_ip",
    "seed_scan_url",
    "v2_comments_get",
    "v3_analysis_file_completed",
    "v3_analysis_url_completed",
    "v3_domain",
    "v3_domain_communicating_files",
    "v3_domain_downloaded_files",
    "v3_domain_historical_whois",
    "v3_domain_referrer_files",
    "v3_domain_resolutions",
    "v3_domain_siblings",
    "v3_domain_subdomains",
    "v3_domain_urls",
    "v3_file_benign",
    "v3_file_comments",
    "v3_file_eicar",
    "v3_ip",
    "v3_ip_communicating_files",
    "v3_ip_downloaded_files",
    "v3_ip_referrer_files",
    "v3_ip_resolutions_page1",
    "v3_ip_resolutions_page2",
    "v3_ip_urls",
    "v3_url_clean",
    "v3_url_malicious",
];

/// The sample of that name. A seed's one is the report inside it.
pub(crate) fn sample(name: &str) -> Option<Value> {
    let (_, text) = SAMPLES.iter().find(|(known, _)| *known == name)?;
    let value: Value = serde_json::from_str(text).ok()?;
    Some(match name {
        "seed_upload_and_scan_file" => value.get("file_path")?.clone(),
        _ if name.starts_with("seed_") => value.get(0)?.get("EntityResult")?.clone(),
        _ => value,
    })
}

/// The three hashes in a file's report, where all are hashes.
pub(crate) fn hashes_of(fields: &Value) -> Option<FileHashes> {
    let hash = |key: &str| {
        let text = fields.get(key)?.as_str()?.to_lowercase();
        is_hash(&text).then_some(text)
    };
    Some(FileHashes {
        md5: hash("md5")?,
        sha1: hash("sha1")?,
        sha256: hash("sha256")?,
    })
}

impl Memory {
    /// Puts a sample in the place of the objects it names.
    pub(crate) fn put_sample(&mut self, name: &str) -> bool {
        let Some(value) = sample(name) else { return false };
        let text = |key: &str| value.get(key).and_then(Value::as_str).map(str::to_lowercase);
        if name.starts_with("v3_") {
            self.put_v3_sample(&value);
            return true;
        }
        let hashes = ["md5", "sha1", "sha256"].into_iter().filter_map(text);
        let report = Arc::new(value.clone());
        if let Some(hashes) = hashes_of(&value) {
            for hash in all(&hashes) {
                self.sampled_hashes.insert(hash.clone(), hashes.clone());
            }
        }
        match name {
            "v2_file_report_benign_allinfo" => self
                .all_info
                .extend(hashes.map(|hash| (hash, Arc::clone(&report)))),
            "v2_file_report_uploaded" => self.samples.extend(text("scan_id").map(|id| (id, report))),
            // Its hashes are placeholders, but for one.
            "seed_scan_hash" => {
                let eicar = sample("v2_file_report_eicar").unwrap_or_default();
                let own = ["md5", "sha1", "sha256"]
                    .iter()
                    .filter_map(|key| eicar.get(key)?.as_str());
                for hash in own.clone() {
                    self.v3_samples.forget(&format!("files/{hash}"), name);
                }
                self.samples
                    .extend(own.map(|hash| (hash.to_owned(), Arc::clone(&report))));
            }
            "seed_upload_and_scan_file" => self.upload_sample = Some(report),
            "v2_comments_get" => {
                let list = value
                    .get("comments")
                    .and_then(Value::as_array)
                    .cloned()
                    .unwrap_or_default();
                let comment = |item: &Value| {
                    let date = item.get("date")?.as_str()?;
                    let at = DateTime::strptime("%Y%m%d%H%M%S", date).ok()?;
                    Some(Comment {
                        at: TimeZone::UTC.to_timestamp(at).ok()?,
                        text: item.get("comment")?.as_str()?.to_owned(),
                        sample: None,
                    })
                };
                let key = format!("files/{}", text("resource").unwrap_or_default());
                self.comments
                    .insert(key, list.iter().filter_map(comment).collect());
            }
            "v2_domain_report_sparse" => {
                self.samples.insert("sparse.example".to_owned(), report);
            }
            _ if name.contains("domain") => {
                self.v3_samples.forget("domains/example.co.in", name);
                self.samples.insert("example.co.in".to_owned(), report);
            }
            "v2_ip_report" => {
                self.samples
                    .insert(Ipv4Addr::new(198, 51, 100, 7).to_string(), report);
            }
            "seed_scan_ip" => {
                self.v3_samples.forget("ip_addresses/192.0.2.1", name);
                self.samples
                    .insert(Ipv4Addr::new(192, 0, 2, 1).to_string(), report);
            }
            _ if name.contains("url") => {
                let url = value.get("url").and_then(Value::as_str).and_then(canonical);
                if let Some(url) = url.and_then(|(url, _)| Url::parse(&url, 0)) {
                    self.v3_samples.forget(&format!("urls/{}", url.sha256), name);
                    self.remember_url(&url);
                    self.samples.insert(url.canonical, report);
                }
            }
            _ => self.samples.extend(
                hashes
                    .chain(text("scan_id"))
                    .map(|key| (key, Arc::clone(&report))),
            ),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::{SAMPLES, sample};

    #[test]
    fn every_sample_is_a_report() {
        for (name, _) in SAMPLES {
            let sample = sample(name).unwrap();
            match name.starts_with("v3_") {
                true => assert!(!sample["data"].is_null(), "{name}"),
                false => assert_eq!(sample["response_code"], 1, "{name}"),
            }
        }
    }
}
