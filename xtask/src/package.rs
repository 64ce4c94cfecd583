//! The package for Google SecOps: a binary that runs on any x86-64 Linux, and what the binary then packs itself into.

use std::error::Error;
use std::path::Path;
use std::process::Command;

/// The platform's servers have this kind of processor, and install wheels for it only.
const TARGET: &str = "x86_64-unknown-linux-gnu";
/// A folder of its own, because the flags differ from those of all other builds.
const FOLDER: &str = "target/static";

pub(crate) fn run(seed_defaults: bool) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .ok_or("no workspace")?;
    let mut build = Command::new(env!("CARGO"));
    build
        .current_dir(root)
        .args(["build", "--release", "--locked", "--package", "vtsecops"])
        .args(["--target", TARGET, "--target-dir", FOLDER])
        .env("RUSTFLAGS", "-C target-feature=+crt-static")
        // Stronger than the former.
        .env_remove("CARGO_ENCODED_RUSTFLAGS");
    succeed(&mut build, "the static binary could not be built")?;
    let program = root.join(FOLDER).join(TARGET).join("release/vtsecops");
    let mut package = Command::new(program);
    package
        .current_dir(root)
        .args(["package", "build", "--output", "dist"]);
    if seed_defaults {
        package.arg("--seed-defaults");
    }
    succeed(&mut package, "the package could not be built")
}

fn succeed(command: &mut Command, otherwise: &str) -> Result<(), Box<dyn Error>> {
    if command.status()?.success() {
        Ok(())
    } else {
        Err(otherwise.into())
    }
}
