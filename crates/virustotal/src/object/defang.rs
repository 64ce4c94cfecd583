//! Undoes the ways people write addresses so that nobody clicks them.

use std::borrow::Cow;

/// What stands in reports and mails, and what it means. Compared without regard to case.
const DEFANGED: [(&str, &str); 14] = [
    ("[.]", "."),
    ("(.)", "."),
    ("{.}", "."),
    ("[dot]", "."),
    ("(dot)", "."),
    ("{dot}", "."),
    ("\\.", "."),
    ("[@]", "@"),
    ("[at]", "@"),
    ("(at)", "@"),
    ("[://]", "://"),
    ("[:]//", "://"),
    ("[:/]", ":/"),
    ("[/]", "/"),
];

const SCHEMES: [(&str, &str); 6] = [
    ("hxxps:", "https:"),
    ("hxxp:", "http:"),
    ("h**ps:", "https:"),
    ("h**p:", "http:"),
    ("fxps:", "ftps:"),
    ("fxp:", "ftp:"),
];

/// The text with `hxxp://`, `1.2.3[.]4`, `a[dot]b` and the like put right, blanks at both ends removed.
///
/// Idempotent; a text that is not defanged comes back as it is.
#[must_use]
pub fn refang(text: &str) -> Cow<'_, str> {
    let mut text = Cow::Borrowed(text.trim());
    // Each round shortens the text, so this ends; nested forms such as "[[.]]" need more than one.
    while let Some(shorter) = DEFANGED
        .iter()
        .find_map(|(from, to)| replace_first(&text, from, to))
    {
        text = Cow::Owned(shorter);
    }
    match SCHEMES
        .iter()
        .find_map(|(from, to)| strip_prefix(&text, from).map(|rest| format!("{to}{rest}")))
    {
        Some(refanged) => Cow::Owned(refanged.trim().to_owned()),
        None => match text.trim().len() == text.len() {
            true => text,
            false => Cow::Owned(text.trim().to_owned()),
        },
    }
}

/// `text` without `prefix`, whatever its case; the prefix is ASCII.
fn strip_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let head = text.get(..prefix.len())?;
    head.eq_ignore_ascii_case(prefix)
        .then(|| text.get(prefix.len()..))
        .flatten()
}

fn replace_first(text: &str, from: &str, to: &str) -> Option<String> {
    let first = *from.as_bytes().first()?;
    let mut start = 0;
    while let Some(offset) = text.get(start..)?.bytes().position(|byte| byte == first) {
        let at = start + offset;
        if let Some(rest) = text.get(at..).and_then(|tail| strip_prefix(tail, from)) {
            return Some(format!("{}{to}{rest}", text.get(..at)?));
        }
        start = at + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::refang;

    #[test]
    fn the_usual_defanged_forms_are_understood() {
        for (text, expected) in [
            ("hxxp://bad[.]example/x", "http://bad.example/x"),
            ("HXXPS[:]//bad(dot)example", "https://bad.example"),
            ("1.2.3[.]4", "1.2.3.4"),
            ("a[dot]b", "a.b"),
            ("a[DOT]b{.}c", "a.b.c"),
            ("  user[at]bad[.]example ", "user@bad.example"),
            ("http[://]bad.example[/]x", "http://bad.example/x"),
            ("bad\\.example", "bad.example"),
            ("http://fine.example/?q=[1]", "http://fine.example/?q=[1]"),
            ("http://[2001:db8::1]/", "http://[2001:db8::1]/"),
            ("größe[.]example", "größe.example"),
        ] {
            assert_eq!(refang(text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn refanging_twice_is_refanging_once(text in r"(hxxps?|[a-z]|\[|\]|\(|\)|dot|DOT|at|\.|:|/|\\|@|ß| |\*){0,24}") {
            let once = refang(&text).into_owned();
            prop_assert_eq!(refang(&once), once.as_str());
        }
    }
}
