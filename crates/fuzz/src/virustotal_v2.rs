//! What API v2 answers, and what is kept of answers.

use serde_json::Value;
use virustotal::fuzzing::{
    comments_v2, elements, kept as kept_answer, opened, report as report_of, sealed, settled, stored,
    submissions,
};
use virustotal::report::{DomainReport, FileReport, IpReport, UrlReport};
use virustotal::{Answer, Report};

use crate::{check_words, parts};

/// The resources that were asked for, a line each, and the body that came.
pub(crate) fn answer(data: &[u8]) {
    let [asked, body] = parts(data);
    let asked = String::from_utf8_lossy(asked);
    let asked: Vec<&str> = asked.lines().collect();
    for error in [
        elements(body).err(),
        submissions(body).err(),
        comments_v2(body).err(),
    ] {
        check_words(&error.unwrap_or_default(), 400);
    }
    if asked.is_empty() {
        return;
    }
    let Ok((answers, left)) = settled(&asked, body) else {
        return;
    };
    assert_eq!(answers.len(), asked.len());
    let came = elements(body).unwrap();
    let answered = answers.iter().filter(|answer| answer.is_some()).count();
    assert!(answered <= came.len(), "an answer is for one resource");
    // Nothing is lost, nothing is asked for twice.
    let mut left: Vec<usize> = left.concat();
    left.sort_unstable();
    let open = (0..asked.len()).filter(|place| answers[*place].is_none());
    // Asked alone, a resource has its answer or a failure.
    if asked.len() > 1 {
        assert_eq!(left, open.collect::<Vec<_>>());
    }
    if asked.len() > 1 && came.len() != asked.len() {
        for (name, answer) in asked.iter().zip(&answers) {
            let Some(answer) = answer else { continue };
            let is_named = answer
                .names
                .iter()
                .any(|own| own.to_lowercase() == name.to_lowercase());
            assert!(is_named, "{name:?} got the answer of {:?}", answer.names);
        }
    }
}

/// A report of whatever shape, through every view.
pub(crate) fn report(data: &[u8]) {
    let Some(report) = report_of(&String::from_utf8_lossy(data)) else {
        return;
    };
    let value = report.value();
    let engines_in = |value: &Value| {
        value
            .get("scans")
            .and_then(Value::as_object)
            .map_or(0, serde_json::Map::len)
    };
    let file = FileReport::read(&report);
    let url = UrlReport::read(&report);
    assert_eq!(file.engines, url.engines);
    // Views read text, values are read twice: both must see the same.
    if serde_json::to_string(&value).is_ok_and(|text| text.len() <= report.raw().len()) {
        assert!(file.engines.len() >= engines_in(&value), "no engine is lost");
    }
    if engines_in(&value) == 0 {
        assert_eq!(file.engines, [], "what is no list of engines names none");
    }
    let flagged = file.engines.iter().filter(|engine| engine.detected).count() as u64;
    if value.get("positives").is_none_or(Value::is_null) {
        assert_eq!(file.positives, (!file.engines.is_empty()).then_some(flagged));
    }
    let _ = DomainReport::read(&report);
    let ip = IpReport::read(&report);
    assert_eq!(ip.positives(), ip.worst().map_or(0, |(positives, _)| positives));
    let _ = ip.newest_date();
    check_kept(&Answer::Found(report));
}

/// An answer comes back as it was kept.
fn check_kept(answer: &Answer) {
    let (state, body) = stored("file:x", answer);
    let text = opened("file:x", &body).expect("what was sealed is whole");
    let again = kept_answer(state, text).expect("what was kept is read again");
    assert_eq!(format!("{again:?}"), format!("{answer:?}"));
    if let (Answer::Found(again), Answer::Found(report)) = (&again, answer) {
        assert_eq!(again.to_stored(), report.to_stored());
        assert_eq!(again.raw(), report.raw());
    }
    assert_eq!(opened("file:y", &body), None);
}

/// A row of the cache or the journal: damaged, or whole with any text.
pub(crate) fn kept(data: &[u8]) {
    let [name, state, body] = parts(data);
    let (name, state) = (String::from_utf8_lossy(name), String::from_utf8_lossy(state));
    let _ = opened(&name, body);
    let text = String::from_utf8_lossy(body);
    let whole = sealed(&name, &text);
    assert_eq!(opened(&name, &whole).as_deref(), Some(&*text));
    for state in [&*state, "found", "missing", "queued"] {
        if let Some(answer) = kept_answer(state, text.to_string()) {
            check_kept(&answer);
        }
    }
    if let Some(report) = Report::from_stored(text.into_owned()) {
        let again = Report::from_stored(report.to_stored()).expect("a report is kept as one");
        assert_eq!((again.raw(), again.object()), (report.raw(), report.object()));
    }
}
