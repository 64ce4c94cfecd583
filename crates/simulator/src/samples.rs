//! The reference's samples, and the seed's.

use serde_json::Value;

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
}

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

#[cfg(test)]
mod tests {
    use super::{SAMPLES, sample};

    #[test]
    fn every_sample_is_a_report() {
        for (name, _) in SAMPLES {
            assert_eq!(sample(name).unwrap()["response_code"], 1, "{name}");
        }
    }
}
