//! The wheel, by the rules of its format.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::common;

const ABOUT: &str = concat!("vtsecops_binary-", env!("CARGO_PKG_VERSION"), ".dist-info");

#[test]
fn the_record_lists_every_file_with_its_hash() {
    let files = common::unpacked(&common::package(false).files[&package::wheel_name()]);
    let record = String::from_utf8(files[&format!("{ABOUT}/RECORD")].0.clone()).unwrap();
    let mut listed: Vec<&str> = Vec::new();
    for line in record.lines() {
        let [path, hash, size] = line.split(',').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        listed.push(path);
        if path.ends_with("/RECORD") {
            assert_eq!((hash, size), ("", ""));
        } else {
            let bytes = &files[path].0;
            assert_eq!(
                hash,
                format!("sha256={}", URL_SAFE_NO_PAD.encode(Sha256::digest(bytes))),
                "{path}"
            );
            assert_eq!(size, bytes.len().to_string());
        }
    }
    listed.sort_unstable();
    assert_eq!(listed, files.keys().collect::<Vec<_>>());
}

#[test]
fn only_the_program_is_executable() {
    let files = common::unpacked(&common::package(false).files[&package::wheel_name()]);
    for (path, (_, mode)) in &files {
        let expected = if path.ends_with("bin/vtsecops") {
            0o100_755
        } else {
            0o100_644
        };
        assert_eq!(*mode, expected, "{path}");
    }
    assert_eq!(
        files["vtsecops_binary/bin/vtsecops"].0,
        common::PROGRAM.as_bytes()
    );
}

#[test]
fn its_tags_are_those_of_its_name() {
    let files = common::unpacked(&common::package(false).files[&package::wheel_name()]);
    let text = |name: &str| String::from_utf8(files[&format!("{ABOUT}/{name}")].0.clone()).unwrap();
    assert!(text("WHEEL").contains("\nTag: py3-none-manylinux_2_17_x86_64\n"));
    assert!(package::wheel_name().ends_with("-py3-none-manylinux_2_17_x86_64.whl"));
    assert!(text("METADATA").contains("\nName: vtsecops-binary\n"));
    assert!(text("licenses/LICENSE").contains("Apache License"));
}

#[test]
fn it_is_one_wheel_in_three_places() {
    let package = common::package(false);
    let wheel = &package.files[&package::wheel_name()];
    let source = format!("content-hub/packages/vtsecops_binary/{}", package::wheel_name());
    assert_eq!(&package.files[&source], wheel);
    let archive = common::unpacked(&package.files[&package::archive_name()]);
    assert_eq!(
        &archive[&format!("Dependencies/{}", package::wheel_name())].0,
        wheel
    );
}
