//! The two fonts of every PDF reader, their widths, and what characters they have.

/// A font that no document has to bring along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Font {
    Plain,
    Bold,
}

/// Widths of the characters from the blank on, in thousandths of the size. Source: the fonts' metrics.
#[rustfmt::skip]
const PLAIN: [u16; 95] = [
    278, 278, 355, 556, 556, 889, 667, 191, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 278, 278, 584, 584, 584, 556, 1015, 667, 667, 722, 722, 667, 611, 778, 722, 278, 500, 667, 556, 833, 722, 778, 667, 778,
    722, 667, 611, 722, 667, 944, 667, 667, 611, 278, 278, 278, 469, 556, 333, 556, 556, 500, 556, 556, 278, 556, 556, 222, 222,
    500, 222, 833, 556, 556, 556, 556, 333, 500, 278, 556, 500, 722, 500, 500, 500, 334, 260, 334, 584,
];
#[rustfmt::skip]
const BOLD: [u16; 95] = [
    278, 333, 474, 556, 556, 889, 722, 238, 333, 333, 389, 584, 278, 333, 278, 278, 556, 556, 556, 556, 556, 556, 556, 556, 556,
    556, 333, 333, 584, 584, 584, 611, 975, 722, 722, 722, 722, 667, 611, 778, 722, 278, 556, 722, 611, 833, 722, 778, 667, 778,
    722, 667, 611, 722, 667, 944, 667, 667, 611, 333, 278, 333, 584, 556, 333, 556, 611, 556, 611, 556, 333, 611, 611, 278, 278,
    556, 278, 889, 611, 611, 611, 611, 389, 556, 333, 611, 556, 778, 556, 556, 500, 389, 280, 389, 584,
];
/// Of the characters behind them: none is wider, but for a few signs.
const ACCENTED: u16 = 800;

impl Font {
    /// Its name in a document.
    pub(super) fn name(self) -> &'static [u8] {
        match self {
            Self::Plain => b"F1",
            Self::Bold => b"F2",
        }
    }

    pub(super) fn width(self, bytes: &[u8], size: f32) -> f32 {
        let table = match self {
            Self::Plain => &PLAIN,
            Self::Bold => &BOLD,
        };
        let width = |byte: &u8| {
            let place = usize::from(*byte).checked_sub(32);
            u32::from(
                place
                    .and_then(|place| table.get(place))
                    .copied()
                    .unwrap_or(ACCENTED),
            )
        };
        let thousandths: u32 = bytes.iter().map(width).sum();
        #[expect(clippy::cast_precision_loss, reason = "a line has some thousands")]
        let width = thousandths as f32;
        width * size / 1000.0
    }
}

/// The text in the encoding of the fonts; what they don't have is written out.
pub(super) fn encoded(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    for letter in text.chars() {
        match u32::from(letter) {
            code @ (0x20..=0x7e | 0xa0..=0xff) => bytes.extend(u8::try_from(code)),
            _ => match typographic(letter) {
                Some(byte) => bytes.push(byte),
                None => bytes.extend(format!("\\u{{{:x}}}", u32::from(letter)).bytes()),
            },
        }
    }
    bytes
}

/// Signs that stand elsewhere in the encoding.
fn typographic(letter: char) -> Option<u8> {
    Some(match letter {
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        _ => return None,
    })
}

/// Cuts a line into lines that fit, at blanks where there are any.
pub(super) fn wrapped(text: &str, font: Font, size: f32, width: f32) -> Vec<Vec<u8>> {
    let mut lines = Vec::new();
    for line in text.lines() {
        let mut current: Vec<u8> = Vec::new();
        for word in encoded(line).split(|byte| *byte == b' ') {
            let mut word = word.to_vec();
            loop {
                let blank: &[u8] = if current.is_empty() { b"" } else { b" " };
                let joined = [current.as_slice(), blank, &word].concat();
                if font.width(&joined, size) <= width {
                    current = joined;
                    break;
                }
                if !current.is_empty() {
                    lines.push(std::mem::take(&mut current));
                    continue;
                }
                // A word that no line has room for.
                let fits = (1..=word.len()).take_while(|end| {
                    word.get(..*end)
                        .is_some_and(|part| font.width(part, size) <= width)
                });
                let rest = word.split_off(fits.last().unwrap_or(1).min(word.len()));
                lines.push(std::mem::replace(&mut word, rest));
            }
        }
        lines.push(current);
    }
    if lines.is_empty() {
        lines.push(Vec::new());
    }
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Font, encoded, wrapped};

    #[test]
    fn what_the_fonts_do_not_have_is_written_out() {
        assert_eq!(encoded("aé–"), [b'a', 0xe9, 0x96]);
        assert_eq!(encoded("世\u{202e}"), b"\\u{4e16}\\u{202e}");
    }

    proptest! {
        #[test]
        fn no_line_is_wider_than_its_column_and_nothing_is_lost(text in "[ a-zé世_]{0,200}", width in 30.0f32..200.0) {
            let lines = wrapped(&text, Font::Plain, 9.0, width);
            for line in &lines {
                prop_assert!(Font::Plain.width(line, 9.0) <= width);
            }
            let without_blanks = |bytes: Vec<u8>| bytes.into_iter().filter(|byte| *byte != b' ').collect::<Vec<_>>();
            prop_assert_eq!(without_blanks(lines.concat()), without_blanks(encoded(&text)));
        }
    }
}
