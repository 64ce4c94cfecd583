//! Whether a program runs wherever the platform may start it.

use elf::ElfBytes;
use elf::abi::{DT_NEEDED, EM_X86_64, PT_INTERP};
use elf::endian::AnyEndian;
use elf::file::Class;

/// Why a program can't be packed. Each message says what to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BinaryError {
    /// It is no program for Linux.
    #[error("it is no Linux program. {ADVICE}")]
    NotElf,
    /// It is for another processor: the platform installs x86-64 wheels only.
    #[error("it is not for x86-64, the only kind of processor that the platform installs for. {ADVICE}")]
    Machine,
    /// It needs libraries of the machine that it was built on.
    #[error(
        "it is not statically linked: it would need this machine's libraries on the platform's server. {ADVICE}"
    )]
    Dynamic,
}

const ADVICE: &str = "Build the right one, and the package with it: cargo xtask package";

/// Whether the program is for Linux on x86-64 and needs nothing else of the system: no loader, no library.
///
/// # Errors
/// [`BinaryError`] says what is wrong and what to do.
pub fn check_binary(bytes: &[u8]) -> Result<(), BinaryError> {
    let program = ElfBytes::<AnyEndian>::minimal_parse(bytes).map_err(|_| BinaryError::NotElf)?;
    if program.ehdr.e_machine != EM_X86_64 || program.ehdr.class != Class::ELF64 {
        return Err(BinaryError::Machine);
    }
    let segments = program.segments().ok_or(BinaryError::NotElf)?;
    let loader = segments.iter().any(|segment| segment.p_type == PT_INTERP);
    let dynamic = program.dynamic().map_err(|_| BinaryError::NotElf)?;
    let library = dynamic.is_some_and(|table| table.iter().any(|entry| entry.d_tag == DT_NEEDED));
    if loader || library {
        return Err(BinaryError::Dynamic);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::{BinaryError, check_binary};

    /// The smallest program: a header and one segment of that type.
    fn program(machine: u16, segment: u32) -> Vec<u8> {
        let mut bytes = vec![0; 64 + 56];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
        bytes[18..20].copy_from_slice(&machine.to_le_bytes());
        bytes[20] = 1;
        bytes[32] = 64;
        bytes[52] = 64;
        bytes[54] = 56;
        bytes[56] = 1;
        bytes[58] = 64;
        bytes[64..68].copy_from_slice(&segment.to_le_bytes());
        bytes
    }

    #[test]
    fn a_static_program_passes() {
        assert_eq!(check_binary(&program(62, 1)), Ok(()));
    }

    #[test]
    fn a_program_that_needs_a_loader_is_refused() {
        assert_eq!(check_binary(&program(62, 3)), Err(BinaryError::Dynamic));
    }

    #[test]
    fn a_program_that_needs_a_library_is_refused() {
        let mut bytes = program(62, 2);
        let entry = u64::try_from(bytes.len()).unwrap();
        bytes.extend(1_u64.to_le_bytes());
        bytes.extend([0; 8]);
        bytes[72..80].copy_from_slice(&entry.to_le_bytes());
        bytes[96..104].copy_from_slice(&16_u64.to_le_bytes());
        bytes[104..112].copy_from_slice(&16_u64.to_le_bytes());
        assert_eq!(check_binary(&bytes), Err(BinaryError::Dynamic));
    }

    #[test]
    fn another_processors_program_is_refused() {
        assert_eq!(check_binary(&program(183, 1)), Err(BinaryError::Machine));
    }

    #[test]
    fn what_is_no_program_is_refused() {
        for bytes in [b"".as_slice(), b"#!/bin/sh\n", b"\x7fELF", b"MZ\x90\x00"] {
            let refusal = check_binary(bytes);
            assert_eq!(refusal, Err(BinaryError::NotElf));
            assert!(refusal.unwrap_err().to_string().contains("cargo xtask package"));
        }
    }

    #[test]
    fn a_program_of_this_machine_is_not_static() {
        // The test itself: built the usual way, against the system's libraries.
        let own = std::fs::read(std::env::current_exe().unwrap()).unwrap();
        if cfg!(all(
            target_os = "linux",
            target_env = "gnu",
            target_arch = "x86_64",
            not(target_feature = "crt-static")
        )) {
            assert_eq!(check_binary(&own), Err(BinaryError::Dynamic));
        }
    }
}
