//! The platform's order on standard input.

use secops::platform::fuzzing::{read, read_for_return, written};
use secops::platform::{Input, Targets};
use serde_json::Value;

use crate::check_words;

/// Standard input, and any JSON of the platform's that is sent back.
pub(crate) fn order(data: &[u8]) {
    match Input::read(data) {
        Ok(input) => check_order(&input),
        Err(error) => check_words(&error.to_string(), 400),
    }
    let Ok((value, met)) = read_for_return(data) else {
        return;
    };
    let sent = written(&value, met);
    assert!(sent.is_ascii() && !sent.contains(&b'<'));
    let (again, met_again) = read_for_return(&sent).expect("what is sent is JSON");
    if met == met_again {
        assert_eq!(again, value, "it goes back as it came");
    }
    let plain = read(data).expect("both read the same");
    let again: Value = read(&written(&plain, false)).expect("what is sent is JSON");
    assert_eq!(again, plain);
}

fn check_order(input: &Input) {
    let texts: Vec<&str> = match &input.targets {
        Targets::Typed(pairs) => pairs.iter().flat_map(|(a, b)| [a.as_str(), b]).collect(),
        Targets::Untyped(names) => names.iter().map(String::as_str).collect(),
    };
    assert!(texts.iter().all(|text| !text.is_empty()));
    assert_eq!(input.targets.is_empty(), texts.is_empty());
    assert!(input.targets.identifiers().len() <= texts.len());
    assert!(input.most_megabytes > 0);
    let parameters = &input.parameters;
    for error in [
        parameters.whole_number("Threshold", 1).err(),
        parameters.text("File Paths").err(),
        parameters.required_text("Threshold").err(),
        parameters.flag("Create Insight").err(),
        parameters.one_of("Path Options", &["patterns", "folders"]).err(),
        parameters.secret("Linux Password").err(),
    ]
    .into_iter()
    .flatten()
    {
        check_words(&error.to_string(), 1000);
    }
    let shown = format!("{parameters:?}");
    if let Ok(Some(secret)) = parameters.secret("Linux Password") {
        use secrecy::ExposeSecret;
        assert!(secret.expose_secret().len() < 12 || !shown.contains(secret.expose_secret()));
    }
    if let Some(key) = &input.environment_api_key {
        use secrecy::ExposeSecret;
        let key = key.expose_secret();
        let elsewhere = format!(
            "{:?}",
            Input {
                environment_api_key: None,
                ..input.clone()
            }
        );
        assert!(elsewhere.contains(key) || !format!("{input:?}").contains(key));
    }
}
