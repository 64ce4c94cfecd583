//! Text that a server wrote, made fit to be shown.

/// Longer words than these are nobody's error message.
const LONGEST_CHARS: usize = 200;

/// The words without control characters and cut to a length, so that a server can't write to a terminal or a log
/// what looks like ours.
pub(crate) fn clean(words: &str) -> String {
    let shown: String = words
        .trim()
        .chars()
        .take(LONGEST_CHARS)
        .map(|letter| if is_unseen(letter) { '\u{fffd}' } else { letter })
        .collect();
    if shown.is_empty() {
        "no reason given".to_owned()
    } else {
        shown
    }
}

/// Control characters, and those that change the order or the look of others without being seen.
fn is_unseen(letter: char) -> bool {
    letter.is_control()
        || matches!(letter,
            '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

#[cfg(test)]
mod tests {
    use super::clean;

    #[test]
    fn a_server_can_not_write_to_the_terminal() {
        assert_eq!(
            clean("no\u{1b}[2Jsuch\r\nfile\u{202e}"),
            "no\u{fffd}[2Jsuch\u{fffd}\u{fffd}file\u{fffd}"
        );
        assert_eq!(clean(&"x".repeat(1000)).len(), 200);
        assert_eq!(clean(" \n"), "no reason given");
    }
}
