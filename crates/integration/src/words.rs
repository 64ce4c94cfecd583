//! Texts that hold what somebody else wrote, made fit to be shown.

/// The text without control characters, the ends of its lines excepted: what is wrong with a file must not write to a terminal.
pub(crate) fn shown(text: &str) -> String {
    let is_unfit = |letter: char| letter.is_control() && letter != '\n';
    text.replace(is_unfit, "\u{fffd}")
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn control_characters_are_not_shown() {
        assert_eq!(
            shown("a\u{1b}[2J\r\nb\u{0}\u{9b}"),
            "a\u{fffd}[2J\u{fffd}\nb\u{fffd}\u{fffd}"
        );
    }
}
