//! JSON inside JSON, written as it goes: a result of megabytes never stands in memory a second time.

use std::io::{self, Write};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

/// Writes a value as compact JSON in ASCII, as Python does: not every reader takes UTF-8.
///
/// `<` and `>` are escaped too. It is the same JSON, and whoever pastes it into a page can't be led out of a script.
///
/// # Errors
/// As the writer's.
pub(super) fn write_json(out: impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Ascii { halves: false });
    Ok(value.serialize(&mut serializer)?)
}

/// The same for what came with halves of surrogate pairs: characters that stand for one become it again.
///
/// # Errors
/// As the writer's.
pub(super) fn write_json_with_halves(out: impl Write, value: &(impl Serialize + ?Sized)) -> io::Result<()> {
    let mut serializer = Serializer::with_formatter(out, Ascii { halves: true });
    Ok(value.serialize(&mut serializer)?)
}

struct Ascii {
    halves: bool,
}

impl Formatter for Ascii {
    fn write_string_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_ascii(writer, fragment, self.halves)
    }

    /// A raw value is whole JSON: what is not ASCII in it stands inside a text.
    fn write_raw_fragment<W: Write + ?Sized>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()> {
        write_ascii(writer, fragment, self.halves)
    }
}

fn write_ascii<W: Write + ?Sized>(writer: &mut W, text: &str, halves: bool) -> io::Result<()> {
    let mut units = [0; 2];
    let mut rest = text;
    while let Some(at) = rest.find(|c: char| !c.is_ascii() || matches!(c, '<' | '>' | '\u{7f}')) {
        let (plain, special) = rest.split_at(at);
        writer.write_all(plain.as_bytes())?;
        let mut characters = special.chars();
        if let Some(character) = characters.next() {
            if let Some(half) = stood_for(character).filter(|_| halves) {
                write!(writer, "\\u{half:04x}")?;
                rest = characters.as_str();
                continue;
            }
            for unit in character.encode_utf16(&mut units) {
                write!(writer, "\\u{unit:04x}")?;
            }
        }
        rest = characters.as_str();
    }
    writer.write_all(rest.as_bytes())
}

/// Halves of surrogate pairs, which no text can hold, and the end of the last private plane, which nobody uses: both have
/// 2,048 members.
const HALVES: std::ops::RangeInclusive<u32> = 0xD800..=0xDFFF;
const STAND_INS: u32 = 0x10_F800;

/// The character that stands for half a surrogate pair.
pub(super) fn stand_in(half: u32) -> Option<char> {
    let offset = half
        .checked_sub(*HALVES.start())
        .filter(|_| HALVES.contains(&half))?;
    char::from_u32(STAND_INS + offset)
}

fn stood_for(character: char) -> Option<u32> {
    u32::from(character)
        .checked_sub(STAND_INS)
        .map(|offset| HALVES.start() + offset)
}

/// Writes what it is given as the inside of a JSON text. It is given ASCII.
pub(super) struct Inside<W>(pub(super) W);

impl<W: Write> Write for Inside<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        for chunk in bytes.split_inclusive(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f)) {
            let Some((last, plain)) = chunk.split_last() else {
                continue;
            };
            match last {
                b'"' | b'\\' => {
                    self.0.write_all(plain)?;
                    self.0.write_all(&[b'\\', *last])?;
                }
                0..=0x1f => {
                    self.0.write_all(plain)?;
                    write!(self.0, "\\u{last:04x}")?;
                }
                _ => self.0.write_all(chunk)?,
            }
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// Counts bytes.
#[derive(Default)]
pub(super) struct Count(pub(super) u64);

impl Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len() as u64;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use proptest::prelude::*;
    use serde_json::Value;

    use super::{Inside, write_json};

    proptest! {
        #[test]
        fn json_in_json_in_json_comes_back_as_it_was(text in "\\PC{0,30}|[\\x00-\\x7f\u{e000}\u{1f600}]{0,30}") {
            let value = serde_json::json!({"t": text, "n": [1.5, null]});
            let mut out = Vec::new();
            out.push(b'"');
            {
                let mut inside = Inside(&mut out);
                inside.write_all(b"\"").unwrap();
                write_json(Inside(&mut inside), &value).unwrap();
                inside.write_all(b"\"").unwrap();
            }
            out.push(b'"');
            prop_assert!(out.is_ascii());
            let once: String = serde_json::from_slice(&out).unwrap();
            let twice: String = serde_json::from_str(&once).unwrap();
            prop_assert!(!twice.contains('<'));
            let back: Value = serde_json::from_str(&twice).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
