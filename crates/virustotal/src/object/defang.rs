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
    let text = text.trim();
    // Every form has one of these in it.
    let text = match text.contains(['[', '(', '{', '\\']) {
        true => Cow::Owned(put_right(text)),
        false => Cow::Borrowed(text),
    };
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

/// The text with every form put right. One look at each character is enough, as what a form turns into may only be the end of
/// another one: so `[[.]]` is understood, and a long text takes no longer than its length.
fn put_right(text: &str) -> String {
    let mut done = String::with_capacity(text.len());
    let mut replacement = "".chars();
    let mut letters = text.chars();
    while let Some(letter) = replacement.next().or_else(|| letters.next()) {
        done.push(letter);
        let form = DEFANGED.iter().find(|(form, _)| ends_with(&done, form));
        if let Some((form, meant)) = form {
            done.truncate(done.len() - form.len());
            // No form ends within what another one means, but at its end.
            replacement = meant.chars();
        }
    }
    done
}

/// Whether that is the end of the text, whatever its case; the end is ASCII.
fn ends_with(text: &str, end: &str) -> bool {
    let start = text.len().checked_sub(end.len());
    let found = start.and_then(|start| text.get(start..));
    found.is_some_and(|found| found.eq_ignore_ascii_case(end))
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
            ("a[[.]]b", "a.b"),
            ("http[:][/][/]x", "http://x"),
        ] {
            assert_eq!(refang(text), expected, "{text}");
        }
    }

    #[test]
    fn a_long_text_takes_no_longer_than_its_length() {
        // Where each form took a look at the whole text, this took minutes.
        let text = "[[.]]".repeat(200_000);
        assert_eq!(refang(&text).len(), 200_000);
    }

    proptest! {
        #[test]
        fn refanging_twice_is_refanging_once(text in r"(hxxps?|[a-z]|\[|\]|\(|\)|dot|DOT|at|\.|:|/|\\|@|ß| |\*){0,24}") {
            let once = refang(&text).into_owned();
            prop_assert_eq!(refang(&once), once.as_str());
        }
    }
}
