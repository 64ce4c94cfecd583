//! Outside text made harmless for where it goes. JSON needs none of this: it keeps the text exactly.

use std::borrow::Cow;

/// Text for a terminal, on one line: controls, bidirectional marks and invisible characters are made visible, so that
/// a report can't drive the terminal or hide what it says.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '\n' => shown.push(' '),
            hidden if is_hidden(hidden) => shown.extend(hidden.escape_unicode()),
            plain => shown.push(plain),
        }
    }
    Cow::Owned(shown)
}

fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

/// A cell that no spreadsheet takes for a formula: one that starts like one gets an apostrophe before it.
///
/// Numbers stay numbers, negative ones too.
/// Controls are made visible, but for line feeds, returns and tabs, which cells may have.
#[must_use]
pub fn no_formula(text: &str) -> Cow<'_, str> {
    let starts_like_one =
        text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) && text.parse::<f64>().is_err();
    let is_control = |character: char| character.is_control() && !matches!(character, '\n' | '\r' | '\t');
    if !starts_like_one && !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut cell = String::with_capacity(text.len() + 8);
    cell.extend(starts_like_one.then_some('\''));
    for character in text.chars() {
        match is_control(character) {
            true => cell.extend(character.escape_unicode()),
            false => cell.push(character),
        }
    }
    Cow::Owned(cell)
}

/// Text that Markdown shows as it is, on one line: no markup, no link, no HTML.
#[must_use]
pub fn no_markup(text: &str) -> String {
    let mut plain = String::with_capacity(text.len() + 8);
    for character in visible(text).chars() {
        // What makes addresses links by themselves is broken too: "://", "www." and mail addresses.
        if character.is_ascii_punctuation() && !matches!(character, ',' | '/' | ';' | '%') {
            plain.push('\\');
        }
        plain.push(character);
    }
    plain
        .replace("www\\.", "www\u{2060}\\.")
        .replace(":/", ":\u{2060}/")
        .replace("\\@", "\u{2060}\\@")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{no_formula, no_markup, visible};

    #[test]
    fn a_report_cannot_drive_the_terminal() {
        assert_eq!(visible("a\u{1b}[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(visible("evil\u{202e}gpj.exe"), "evil\\u{202e}gpj.exe");
        assert_eq!(visible("two\nlines\r"), "two lines\\u{d}");
        assert_eq!(visible("größe 文字 שלום"), "größe 文字 שלום");
    }

    #[test]
    fn a_cell_that_would_be_a_formula_is_text_and_a_number_stays_one() {
        assert_eq!(no_formula("=1+1"), "'=1+1");
        assert_eq!(no_formula("@SUM(A1)"), "'@SUM(A1)");
        assert_eq!(no_formula("-2.5"), "-2.5");
        assert_eq!(no_formula("-2.5|cmd"), "'-2.5|cmd");
        assert_eq!(no_formula("plain"), "plain");
    }

    proptest! {
        #[test]
        fn nothing_hidden_is_left(text in ".*") {
            prop_assert!(!visible(&text).chars().any(super::is_hidden));
        }

        #[test]
        fn no_markdown_mark_is_left_bare(text in r"[\[\]()*_`<>&|#!\\a-z \n]{0,20}") {
            let plain = no_markup(&text);
            let mut escaped = false;
            for character in plain.chars() {
                prop_assert!(escaped || !matches!(character, '[' | ']' | '*' | '_' | '`' | '<' | '>' | '&' | '|' | '#' | '!'), "{plain}");
                escaped = character == '\\' && !escaped;
            }
        }
    }
}
