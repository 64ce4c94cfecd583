//! The wheel: the binary as data of a Python package. Source: the binary distribution format 1.0 (packaging.python.org).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use crate::archive::{self, Entry};
use crate::{Error, fact};

/// Name of the Python package and of the distribution, as file names spell it.
pub(crate) const PACKAGE: &str = "vtsecops_binary";
/// Name of the distribution, as dependencies spell it.
pub(crate) const DISTRIBUTION: &str = "vtsecops-binary";
/// The program's version is the wheel's.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Any Python 3, on x86-64 Linux. A static program needs no C library at all, but platforms ask for wheels of this one.
const TAG: &str = "py3-none-manylinux_2_17_x86_64";

const INIT: &str = include_str!("../content/python/vtsecops_binary.py");
const LICENSE: &str = include_str!("../../../LICENSE");

pub(crate) fn name() -> String {
    format!("{PACKAGE}-{VERSION}-{TAG}.whl")
}

pub(crate) fn build(binary: &[u8]) -> Result<Vec<u8>, Error> {
    let about = format!("{PACKAGE}-{VERSION}.dist-info");
    let program = Entry {
        bytes: binary.to_vec(),
        executable: true,
    };
    let mut files = BTreeMap::from([
        (format!("{PACKAGE}/__init__.py"), INIT.as_bytes().to_vec().into()),
        (format!("{PACKAGE}/bin/vtsecops"), program),
        (format!("{about}/METADATA"), metadata().into_bytes().into()),
        (format!("{about}/WHEEL"), tags().into_bytes().into()),
        (
            format!("{about}/licenses/LICENSE"),
            LICENSE.as_bytes().to_vec().into(),
        ),
    ]);
    let record = format!("{about}/RECORD");
    let text = record_of(&files, &record);
    files.insert(record, text.into_bytes().into());
    archive::write(&files)
}

fn metadata() -> String {
    format!(
        "Metadata-Version: 2.1\n\
         Name: {DISTRIBUTION}\n\
         Version: {VERSION}\n\
         Summary: The program vtsecops for Linux on x86-64, for the integration {identifier} of Google SecOps\n\
         License: Apache-2.0\n\
         License-File: LICENSE\n\
         Requires-Python: >=3.9\n",
        identifier = fact::IDENTIFIER
    )
}

fn tags() -> String {
    format!("Wheel-Version: 1.0\nGenerator: vtsecops {VERSION}\nRoot-Is-Purelib: false\nTag: {TAG}\n")
}

/// Hash and size of each file; the list itself stands in it without.
fn record_of(files: &BTreeMap<String, Entry>, record: &str) -> String {
    let lines = files.iter().map(|(path, entry)| {
        let hash = URL_SAFE_NO_PAD.encode(Sha256::digest(&entry.bytes));
        format!("{path},sha256={hash},{}\n", entry.bytes.len())
    });
    lines.chain([format!("{record},,\n")]).collect()
}
