//! Files of rules: what is risky, and what must not leave.

use std::path::Path;

use integration::fuzzing::refusal;
use integration::{Policy, PolicyKind, UploadRules};
use virustotal::fuzzing::report;

use crate::{check_words, parts};

/// A verdict policy, and a report that it judges.
pub(crate) fn policy(data: &[u8]) {
    let [text, judged] = parts(data);
    let text = String::from_utf8_lossy(text);
    let policy = match Policy::parse("policy.toml", &text) {
        Ok(policy) => policy,
        Err(error) => return check_words(&error.to_string(), 1100),
    };
    let words = policy.to_string();
    assert!(words.len() <= 4000 + 10 * text.len());
    assert_eq!(
        Policy::parse("policy.toml", &format!("\u{feff}{text}")).as_ref(),
        Ok(&policy)
    );
    let Some(judged) = report(&String::from_utf8_lossy(judged)) else {
        return;
    };
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    for kind in PolicyKind::ALL {
        let judge = |threshold| policy.judge(kind, &judged, threshold, now);
        let verdict = judge(None);
        assert_eq!(format!("{:?}", judge(None)), format!("{verdict:?}"));
        let own = policy.threshold(kind).unwrap_or(kind.usual_threshold());
        assert_eq!(format!("{:?}", judge(Some(own))), format!("{verdict:?}"));
        let _ = (judge(Some(1)), judge(Some(u32::MAX)));
    }
    let _ = PolicyKind::of(&judged);
}

/// Upload rules, a path, and the beginning of a file.
pub(crate) fn rules(data: &[u8]) {
    let [text, path, head] = parts(data);
    let text = String::from_utf8_lossy(text);
    let rules = match UploadRules::parse(&text) {
        Ok(rules) => rules,
        Err(error) => return check_words(&error.to_string(), 1100),
    };
    let path = String::from_utf8_lossy(path);
    for size in [0, 1 << 20, u64::MAX] {
        let refused = |environment| refusal(&rules, Path::new(&*path), size, head, environment);
        // A rule for no environment in particular holds in each.
        let anywhere = refused(None);
        assert!(anywhere.is_none() || !text.contains("environments") || refused(Some("")) == anywhere);
        let _ = refused(Some("Customer A"));
    }
}
