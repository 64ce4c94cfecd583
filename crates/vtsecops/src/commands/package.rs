//! `vtsecops package build`: the package for Google SecOps, from this program or another one.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use package::{Options, Package};

use crate::cli::{PackageArguments, PackageBuild, PackageCommand};
use crate::failure::Failure;

pub(crate) fn run(arguments: &PackageArguments) -> Result<ExitCode, Failure> {
    match &arguments.command {
        PackageCommand::Build(build) => {
            let package = make(build)?;
            store(&build.output, &package)?;
            report(build, &package)?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn make(build: &PackageBuild) -> Result<Package, Failure> {
    let program = match &build.binary {
        Some(path) => path.clone(),
        None => std::env::current_exe()
            .map_err(|error| Failure::failed(format!("the running program can't be found: {error}")))?,
    };
    let binary = std::fs::read(&program)
        .map_err(|error| Failure::usage(format!("{} can't be read: {error}", program.display())))?;
    package::check_binary(&binary)
        .map_err(|error| Failure::usage(format!("{} can't be packed: {error}", program.display())))?;
    let seed_defaults = build.seed_defaults;
    package::build(&Options {
        binary,
        seed_defaults,
    })
    .map_err(|error| Failure::failed(format!("the package could not be built: {error}")))
}

fn store(output: &Path, package: &Package) -> Result<(), Failure> {
    let mut files = package.files.iter();
    files.try_for_each(|(path, bytes)| write(&output.join(path), bytes))
}

/// Whole or not at all, in the place of an older one. Files of other names are left alone.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let attempt = || -> std::io::Result<()> {
        let folder = path.parent().unwrap_or(Path::new("."));
        std::fs::create_dir_all(folder)?;
        let mut file = unfinished(folder)?;
        file.write_all(bytes)?;
        file.persist(path)?;
        Ok(())
    };
    attempt().map_err(|error| Failure::failed(format!("{} could not be written: {error}", path.display())))
}

fn unfinished(folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    // As any other new file, not for the owner alone.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    builder.tempfile_in(folder)
}

fn report(build: &PackageBuild, package: &Package) -> Result<(), Failure> {
    let place = |name: &str| -> PathBuf { build.output.join(name) };
    let archive = place(&package::archive_name());
    let size = |name: &str| package.files.get(name).map_or(0, Vec::len).div_ceil(1024);
    crate::print(|out| {
        writeln!(
            out,
            "{}  {} KiB",
            archive.display(),
            size(&package::archive_name())
        )?;
        writeln!(
            out,
            "{}  {} KiB",
            place(&package::wheel_name()).display(),
            size(&package::wheel_name())
        )?;
        writeln!(out, "{}", place("content-hub").display())?;
        writeln!(
            out,
            "\nTo use it, import {} in the IDE of Google SecOps, then add an instance of {} with your API key.\n\
             To offer it to the content hub, copy what content-hub holds into the hub's repository and run `uv lock` in the \
             integration's folder.",
            archive.display(),
            package::IDENTIFIER
        )?;
        if build.seed_defaults {
            writeln!(
                out,
                "Verify SSL is unticked for a new instance; the content hub does not take it like that."
            )?;
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::{make, store, write};
    use crate::cli::PackageBuild;

    fn arguments(output: &Path, binary: &Path) -> PackageBuild {
        PackageBuild {
            output: output.to_owned(),
            binary: Some(binary.to_owned()),
            seed_defaults: false,
        }
    }

    /// A header and nothing else: static, because there is nothing to load.
    fn program() -> Vec<u8> {
        let mut bytes = vec![0; 120];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        for (place, value) in [
            (16, 2),
            (18, 62),
            (20, 1),
            (32, 64),
            (52, 64),
            (54, 56),
            (56, 1),
            (58, 64),
            (64, 1),
        ] {
            bytes[place] = value;
        }
        bytes
    }

    #[test]
    fn it_writes_the_package_and_leaves_other_files_alone() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("program");
        std::fs::write(&binary, program()).unwrap();
        let output = folder.path().join("out");
        let lock = output
            .join("content-hub/content/response_integrations/third_party/community/virus_total/uv.lock");
        write(&lock, b"version = 1\n").unwrap();
        for _ in 0..2 {
            store(&output, &make(&arguments(&output, &binary)).unwrap()).unwrap();
        }
        assert!(output.join(package::archive_name()).is_file());
        assert!(output.join(package::wheel_name()).is_file());
        assert!(lock.with_file_name("definition.yaml").is_file());
        assert_eq!(std::fs::read(&lock).unwrap(), b"version = 1\n");
        let names = std::fs::read_dir(&output).unwrap().count();
        assert_eq!(names, 3, "no unfinished file is left");
    }

    #[cfg(unix)]
    #[test]
    fn others_may_read_what_it_writes() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        write(&path, b"text").unwrap();
        let plain = folder.path().join("plain");
        std::fs::write(&plain, b"text").unwrap();
        let mode = |path: &Path| path.metadata().unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }

    #[test]
    fn a_program_that_would_not_run_there_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let binary = folder.path().join("program");
        std::fs::write(&binary, "#!/bin/sh\n").unwrap();
        let failure = make(&arguments(folder.path(), &binary)).unwrap_err();
        assert!(format!("{failure:?}").contains("cargo xtask package"));
    }
}
