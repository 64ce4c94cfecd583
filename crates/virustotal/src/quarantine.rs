//! Where a downloaded file goes: into a ZIP that only opens with a password, so that nobody runs it by mistake.
//!
//! It comes in beside its place, readable by its owner only, and is looked at before it gets its name. What is no ZIP, or
//! holds something that is not encrypted, never gets one.

use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;
use tokio::io::AsyncWriteExt;
use zip::ZipArchive;

use crate::Error;

/// What everybody who handles malware uses.
pub const QUARANTINE_PASSWORD: &str = "infected";

/// No file on VirusTotal is larger than 650 MiB; packing adds little.
const MOST_BYTES: u64 = 700 * 1024 * 1024;

/// A ZIP's first bytes.
const ZIP_START: [u8; 4] = *b"PK\x03\x04";

/// The bit among a file's flags that says that it is encrypted.
const ENCRYPTED: u8 = 1;

/// A ZIP of one file, in its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Quarantined {
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the ZIP.
    pub size_bytes: u64,
}

/// A place in a folder, and what has come for it so far.
pub(crate) struct Quarantine {
    part: NamedTempFile,
    path: PathBuf,
    most_bytes: u64,
}

/// Why content can't be taken.
#[derive(Debug)]
pub(crate) enum Refused {
    /// The disk's fault.
    Here(Error),
    /// The sender's.
    There(String),
}

impl Quarantine {
    /// What is in that place of the folder already.
    ///
    /// # Errors
    /// [`Error::File`] where it is something else than a ZIP in which everything is encrypted.
    pub(crate) fn find(folder: &Path, name: &str) -> Result<Option<Quarantined>, Error> {
        let path = folder.join(name);
        let Ok(found) = path.symlink_metadata() else {
            return Ok(None);
        };
        let sealed = match found.is_file() {
            true => File::open(&path)
                .map_err(|error| error.to_string())
                .and_then(check),
            false => Err("it is no file".to_owned()),
        };
        match sealed {
            Ok(()) => Ok(Some(Quarantined {
                path,
                size_bytes: found.len(),
            })),
            Err(detail) => {
                let detail =
                    format!("something else is in the place of the download ({detail}); move it away");
                Err(trouble(&path, detail))
            }
        }
    }

    /// Begins in an existing folder.
    ///
    /// # Errors
    /// [`Error::File`] where nothing can be written there.
    pub(crate) fn begin(folder: &Path, name: &str) -> Result<Self, Error> {
        let part = tempfile::Builder::new()
            .prefix(".vtsecops-")
            .suffix(".part")
            .tempfile_in(folder)
            .map_err(|error| trouble(folder, format!("nothing can be saved there: {}", error.kind())))?;
        Ok(Self {
            part,
            path: folder.join(name),
            most_bytes: MOST_BYTES,
        })
    }

    /// Begins again at its start: what came so far was broken off.
    pub(crate) async fn restart(&self) -> Result<Incoming<'_>, Refused> {
        let file = self.part.reopen().map(tokio::fs::File::from_std);
        let file = file.map_err(|error| self.unwritable(&error))?;
        file.set_len(0).await.map_err(|error| self.unwritable(&error))?;
        Ok(Incoming {
            quarantine: self,
            file,
            size_bytes: 0,
        })
    }

    /// Gives it its name if it is what it should be. One that is there meanwhile is left as it is.
    ///
    /// # Errors
    /// [`Error::File`] where the folder does not take it.
    pub(crate) fn keep(self) -> Result<Quarantined, Error> {
        let path = self.path;
        let size_bytes = self.part.as_file().metadata().map(|metadata| metadata.len());
        let size_bytes = size_bytes.map_err(|error| trouble(&path, error.to_string()))?;
        self.part
            .persist_noclobber(&path)
            .map_err(|error| trouble(&path, format!("it can't be saved: {}", error.error.kind())))?;
        Ok(Quarantined { path, size_bytes })
    }

    fn unwritable(&self, error: &io::Error) -> Refused {
        Refused::Here(trouble(
            &self.path,
            format!("it can't be written: {}", error.kind()),
        ))
    }
}

/// A download under way.
pub(crate) struct Incoming<'a> {
    quarantine: &'a Quarantine,
    file: tokio::fs::File,
    size_bytes: u64,
}

impl Incoming<'_> {
    pub(crate) async fn take(&mut self, part: &[u8]) -> Result<(), Refused> {
        self.size_bytes += part.len() as u64;
        let most = self.quarantine.most_bytes;
        if self.size_bytes > most {
            return Err(Refused::There(format!(
                "more than {most} bytes came for one file"
            )));
        }
        let written = self.file.write_all(part).await;
        written.map_err(|error| self.quarantine.unwritable(&error))
    }

    /// All of it has come.
    pub(crate) async fn finish(mut self) -> Result<(), Refused> {
        let quarantine = self.quarantine;
        self.file
            .flush()
            .await
            .map_err(|error| quarantine.unwritable(&error))?;
        let whole = quarantine
            .part
            .reopen()
            .map_err(|error| quarantine.unwritable(&error))?;
        check(whole).map_err(|detail| {
            Refused::There(format!(
                "what came is not safe to keep and was thrown away: {detail}"
            ))
        })
    }
}

/// Whether it is a ZIP, from its first byte on, in which every file is encrypted.
pub(crate) fn check(mut file: impl Read + Seek) -> Result<(), String> {
    let no_zip = |_| "it is no ZIP".to_owned();
    let mut start = ZIP_START.map(|_| 0);
    // What stands before a ZIP can be a program.
    file.read_exact(&mut start).map_err(no_zip)?;
    if start != ZIP_START {
        return Err("it is no ZIP".to_owned());
    }
    file.rewind().map_err(no_zip)?;
    let mut archive = ZipArchive::new(BufReader::new(file)).map_err(|_| "it is no whole ZIP".to_owned())?;
    if archive.is_empty() || archive.offset() != 0 {
        return Err("it holds no file".to_owned());
    }
    let open = || "it holds a file without a password".to_owned();
    let mut places = Vec::with_capacity(archive.len());
    for index in 0..archive.len() {
        let file = archive.by_index_raw(index).map_err(|_| open())?;
        if !file.encrypted() {
            return Err(open());
        }
        places.push(file.header_start());
    }
    // The directory at the end says so. Programs that read from the beginning go by what stands before each file.
    let mut file = archive.into_inner();
    for place in places {
        let mut header = [0; 8];
        let read = file
            .seek(SeekFrom::Start(place))
            .and_then(|_| file.read_exact(&mut header));
        let [signature @ .., _, _, flags, _] = header;
        if read.is_err() || signature != ZIP_START || flags & ENCRYPTED == 0 {
            return Err(open());
        }
    }
    Ok(())
}

fn trouble(path: &Path, detail: String) -> Error {
    Error::File {
        path: path.display().to_string(),
        detail,
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Write};

    use zip::ZipWriter;
    use zip::unstable::write::FileOptionsExt;
    use zip::write::SimpleFileOptions;

    use super::{QUARANTINE_PASSWORD, Quarantine, Refused, check};

    fn packed(passwords: &[Option<&str>]) -> Vec<u8> {
        let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
        for (index, password) in passwords.iter().enumerate() {
            let options = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
            let options = match password {
                Some(password) => options.with_deprecated_encryption(password.as_bytes()).unwrap(),
                None => options,
            };
            writer.start_file(index.to_string(), options).unwrap();
            writer.write_all(b"MZ, a program").unwrap();
        }
        writer.finish().unwrap().into_inner()
    }

    #[test]
    fn only_a_zip_whose_every_file_is_encrypted_is_kept() {
        let sealed = packed(&[Some(QUARANTINE_PASSWORD)]);
        assert_eq!(check(Cursor::new(&sealed)), Ok(()));
        let open = packed(&[Some(QUARANTINE_PASSWORD), None]);
        let behind_a_program = [b"MZ, a program".as_slice(), &sealed].concat();
        // The directory says that it is encrypted, the file itself does not.
        let mut half_open = sealed.clone();
        half_open[6] &= !1;
        let cut = sealed.get(..sealed.len() - 5).unwrap();
        for bad in [
            &open[..],
            &behind_a_program,
            &half_open,
            cut,
            b"MZ, a program",
            b"",
            b"PK",
            &packed(&[]),
        ] {
            assert!(check(Cursor::new(bad)).is_err(), "{bad:?}");
        }
    }

    #[tokio::test]
    async fn what_is_broken_off_or_unsafe_leaves_nothing_behind() {
        let folder = tempfile::tempdir().unwrap();
        let quarantine = Quarantine::begin(folder.path(), "a.zip").unwrap();
        quarantine
            .restart()
            .await
            .unwrap()
            .take(b"half of a fi")
            .await
            .unwrap();
        let mut again = quarantine.restart().await.unwrap();
        again.take(b"MZ").await.unwrap();
        assert!(matches!(again.finish().await, Err(Refused::There(words)) if words.contains("no ZIP")));
        drop(quarantine);
        assert_eq!(folder.path().read_dir().unwrap().count(), 0);
    }

    #[tokio::test]
    async fn a_download_has_an_end() {
        let folder = tempfile::tempdir().unwrap();
        let mut quarantine = Quarantine::begin(folder.path(), "a.zip").unwrap();
        quarantine.most_bytes = 3;
        let mut incoming = quarantine.restart().await.unwrap();
        incoming.take(b"abc").await.unwrap();
        assert!(matches!(incoming.take(b"d").await, Err(Refused::There(_))));
    }

    #[tokio::test]
    async fn what_is_there_is_known_and_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Quarantine::find(folder.path(), "a.zip"), Ok(None));
        let quarantine = Quarantine::begin(folder.path(), "a.zip").unwrap();
        let sealed = packed(&[Some(QUARANTINE_PASSWORD)]);
        let mut incoming = quarantine.restart().await.unwrap();
        incoming.take(&sealed).await.unwrap();
        incoming.finish().await.unwrap();
        let kept = quarantine.keep().unwrap();
        assert_eq!(kept.size_bytes, sealed.len() as u64);
        assert_eq!(Quarantine::find(folder.path(), "a.zip"), Ok(Some(kept.clone())));
        std::fs::write(&kept.path, "my notes").unwrap();
        let words = Quarantine::find(folder.path(), "a.zip").unwrap_err().to_string();
        assert!(words.contains("something else is in the place"), "{words}");
        let late = Quarantine::begin(folder.path(), "a.zip").unwrap();
        assert!(late.keep().is_err());
        assert_eq!(std::fs::read_to_string(&kept.path).unwrap(), "my notes");
    }

    #[cfg(unix)]
    #[test]
    fn it_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let kept = Quarantine::begin(folder.path(), "a.zip").unwrap().keep().unwrap();
        let mode = kept.path.metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}
