//! Texts that hold what somebody else wrote, made fit to be shown.

/// Longer words, in characters, say nothing more to anybody.
const LONGEST: usize = 1000;

/// The text without control characters, the ends of its lines excepted, and cut to a length: what is wrong with a file must neither
/// write to a terminal nor fill it.
pub(crate) fn shown(text: &str) -> String {
    let is_unfit = |letter: char| letter.is_control() && letter != '\n';
    let letters = text.chars().take(LONGEST);
    let mut words: String = letters
        .map(|letter| if is_unfit(letter) { '\u{fffd}' } else { letter })
        .collect();
    if text.chars().nth(LONGEST).is_some() {
        words.push('…');
    }
    words
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn a_long_text_is_cut() {
        assert_eq!(shown(&"ä".repeat(5000)).chars().count(), 1001);
    }

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(
            shown("a\u{1b}[2J\r\nb\u{0}\u{9b}"),
            "a\u{fffd}[2J\u{fffd}\nb\u{fffd}\u{fffd}"
        );
    }
}
