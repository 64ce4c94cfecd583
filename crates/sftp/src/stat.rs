//! What a server says of a file.

use russh_sftp::protocol::FileAttributes;

/// The bits of a mode that say what a file is. Source: inode(7).
const KIND_BITS: u32 = 0o170_000;

/// What something in a file system is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link.
    Link,
    /// A device, pipe, socket, or something the server does not tell.
    Other,
}

/// What a server says of a file. It may be wrong or a lie: reading must be bounded all the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stat {
    /// What it is.
    pub kind: Kind,
    /// How long it is; 0 when the server does not tell.
    pub size_bytes: u64,
    /// When its content changed last, in seconds since 1970.
    pub modified: Option<u32>,
}

/// A name in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// The name alone, without the folder; it may hold anything but `/` and NUL, line breaks included.
    pub name: String,
    /// What it is; a link is not followed.
    pub stat: Stat,
    /// Whether `name` is the name itself. A name that is not UTF-8 is shown with U+FFFD in place of what can't be
    /// read, and can't be opened.
    pub is_exact: bool,
}

impl From<&FileAttributes> for Stat {
    fn from(attributes: &FileAttributes) -> Self {
        let kind = match attributes.permissions.map(|mode| mode & KIND_BITS) {
            Some(0o100_000) => Kind::File,
            Some(0o040_000) => Kind::Folder,
            Some(0o120_000) => Kind::Link,
            _ => Kind::Other,
        };
        Self {
            kind,
            size_bytes: attributes.size.unwrap_or_default(),
            modified: attributes.mtime,
        }
    }
}
