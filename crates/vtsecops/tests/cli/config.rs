//! Settings: set, shown, refused.

use crate::scene::{EICAR, KEY, Ran, Scene, fed};

#[test]
fn a_stored_key_is_used_masked_and_readable_by_its_owner_only() {
    let scene = Scene::new();
    let ran = fed(scene.bare(&["config", "set", "api_key"]), &format!("{KEY}\n"));
    assert_eq!(ran.code, 0, "{}", ran.err);
    let path = Ran::from(scene.bare(&["config", "path"]).output().unwrap())
        .out
        .trim()
        .to_owned();
    assert!(std::fs::read_to_string(&path).unwrap().contains(KEY));
    let ran = Ran::from(scene.bare(&["scan", "hash", EICAR]).output().unwrap());
    assert_eq!(ran.code, 1, "{}", ran.err);
    let ran = Ran::from(scene.bare(&["config", "show"]).output().unwrap());
    assert!(
        ran.out.contains("api_key") && ran.out.contains("***") && ran.out.contains(&path),
        "{}",
        ran.out
    );
    assert!(!ran.out.contains(KEY));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let ran = Ran::from(scene.bare(&["scan", "hash", EICAR]).output().unwrap());
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(&format!("chmod 600 {path}")), "{}", ran.err);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    assert_eq!(
        Ran::from(scene.bare(&["config", "unset", "api_key"]).output().unwrap()).code,
        0
    );
    assert_eq!(
        Ran::from(scene.bare(&["scan", "hash", EICAR]).output().unwrap()).code,
        2
    );
}

#[test]
fn a_key_on_the_command_line_is_refused_and_not_repeated() {
    let scene = Scene::new();
    for arguments in [
        vec!["scan", "hash", EICAR, "--api-key", KEY],
        vec!["config", "set", "api_key", KEY],
        vec![
            "ping",
            "--apikey=c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00c0ffee00",
        ],
    ] {
        let ran = Ran::from(scene.bare(&arguments).output().unwrap());
        assert_eq!(ran.code, 2);
        assert!(
            ran.err.contains("every user of this machine could read it"),
            "{}",
            ran.err
        );
        assert!(!ran.err.contains(KEY) && !ran.out.contains(KEY));
    }
}

#[test]
fn settings_are_checked_before_they_are_stored_and_shown_with_their_origin() {
    let scene = Scene::new();
    for (arguments, part) in [
        (
            vec!["config", "set", "tier", "gold"],
            "tier must be public or private, not \"gold\"",
        ),
        (
            vec!["config", "set", "treshold", "3"],
            "There is no setting \"treshold\". There are api_key, virustotal_url",
        ),
        (vec!["config", "set", "timeout"], "timeout needs a value"),
    ] {
        let ran = scene.run(&arguments);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(part), "{}", ran.err);
    }
    assert_eq!(scene.run(&["config", "set", "threshold", "11"]).code, 0);
    assert_eq!(
        scene
            .run(&["config", "set", "proxy", "http://user:secret@127.0.0.1:1"])
            .code,
        0
    );
    let shown = scene.run(&["config", "show", "--json"]).json();
    assert_eq!(shown["threshold"]["value"], "11");
    assert!(
        shown["threshold"]["from"]
            .as_str()
            .unwrap()
            .ends_with("config.toml")
    );
    assert_eq!(shown["virustotal_url"]["from"], "VTSECOPS_VIRUSTOTAL_URL");
    assert_eq!(shown["tier"]["from"], "default");
    assert_eq!(shown["proxy"]["value"], "http://***@127.0.0.1:1");
    // The stored threshold counts, and a flag counts more.
    assert_eq!(scene.run(&["scan", "hash", EICAR, "--proxy", "none"]).code, 0);
    assert_eq!(
        scene
            .run(&["scan", "hash", EICAR, "--proxy", "none", "--threshold", "10"])
            .code,
        1
    );
}

#[test]
fn a_bad_config_file_is_told_with_its_path() {
    let scene = Scene::new();
    let path = scene.write("mine.toml", "treshold = 3\n");
    let ran = Ran::from(
        scene
            .command(&["ping"])
            .env("VTSECOPS_CONFIG", &path)
            .output()
            .unwrap(),
    );
    assert_eq!(ran.code, 2);
    assert!(
        ran.err.contains(&path) && ran.err.contains("there is no setting \"treshold\""),
        "{}",
        ran.err
    );
}

#[test]
fn the_key_of_virustotals_own_tool_is_found() {
    let scene = Scene::new();
    scene.write(".vt.toml", &format!("apikey=\"{KEY}\"\n"));
    assert_eq!(Ran::from(scene.bare(&["ping"]).output().unwrap()).code, 0);
}

#[test]
fn the_path_is_told_even_where_the_file_is_broken_and_nothing_to_remove_writes_nothing() {
    let scene = Scene::new();
    assert_eq!(scene.run(&["config", "unset", "threshold"]).code, 0);
    let path = scene.run(&["config", "path"]).out.trim().to_owned();
    assert!(!std::path::Path::new(&path).exists());
    let broken = scene.write("mine.toml", "treshold = 3\n");
    let mut command = scene.command(&["config", "path"]);
    let ran = Ran::from(command.env("VTSECOPS_CONFIG", &broken).output().unwrap());
    assert_eq!((ran.code, ran.out.trim()), (0, broken.as_str()));
}

#[test]
fn a_stored_key_that_is_not_the_one_that_counts_is_told() {
    let scene = Scene::new();
    let ran = scene.run_with_input(&["config", "set", "api_key"], KEY);
    assert_eq!(ran.code, 0);
    assert!(ran.err.contains("VTSECOPS_API_KEY comes first"), "{}", ran.err);
    let ran = fed(scene.bare(&["config", "set", "api_key"]), KEY);
    assert!(!ran.err.contains("comes first"), "{}", ran.err);
}

#[test]
fn a_name_and_a_value_in_one_word_are_told_apart_without_repeating_the_value() {
    let scene = Scene::new();
    for (word, part) in [
        (format!("api_key={KEY}"), "not taken from the command line"),
        (format!("key={KEY}"), "are two words"),
    ] {
        let ran = scene.run(&["config", "set", &word]);
        assert_eq!(ran.code, 2);
        assert!(ran.err.contains(part) && !ran.err.contains(KEY), "{}", ran.err);
    }
}
