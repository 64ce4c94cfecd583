//! The package for Google SecOps: a binary that runs on any x86-64 Linux, and what the binary then packs itself into.

use std::error::Error;
use std::path::Path;
use std::process::Command;

use crate::asked::succeed;
use crate::source;
use crate::static_build::{Place, root};

pub(crate) fn run(seed_defaults: bool) -> Result<(), Box<dyn Error>> {
    let root = root()?;
    let program = Place::here()?.build(source::date(&root)?)?;
    pack(&program, &root.join("dist"), seed_defaults)
}

/// The package into that folder.
pub(crate) fn pack(program: &Path, output: &Path, seed_defaults: bool) -> Result<(), Box<dyn Error>> {
    let mut package = Command::new(program);
    package.args(["package", "build", "--output"]).arg(output);
    if seed_defaults {
        package.arg("--seed-defaults");
    }
    succeed(&mut package, "the package could not be built")
}
