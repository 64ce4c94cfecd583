//! Lines of a log.

/// Whether `character` may stand at a place of `[YYYY-MM-DD,HH:MM:SS,000 `: 9 stands for any digit.
const STAMP: &str = "[9999-99-99,99:99:99,000 ";
const LEVELS: [&str; 3] = ["INFO", "WARNING", "ERROR"];

fn is_head(line: &str) -> bool {
    let Some((stamp, rest)) = line.split_at_checked(STAMP.len()) else {
        return false;
    };
    let fits = stamp.chars().zip(STAMP.chars()).all(|(own, asked)| match asked {
        '9' => own.is_ascii_digit(),
        _ => own == asked,
    });
    fits && rest
        .split_once("] ")
        .is_some_and(|(level, _)| LEVELS.contains(&level))
}

/// What is wrong with a log file or what a run said on stderr. A message may span lines: the first must be stamped.
#[must_use]
pub fn check_log(text: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(first) = text.lines().next().filter(|line| !is_head(line)) {
        wrong.push(format!("log: the first line is not stamped: {first:?}"));
    }
    if !text.is_empty() && !text.ends_with('\n') {
        wrong.push("log: the last line does not end".to_owned());
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::check_log;

    #[test]
    fn lines_are_stamped() {
        assert!(check_log("").is_empty());
        assert!(
            check_log("[2026-11-25,14:00:59,000 WARNING] two\nlines\n[2026-11-25,14:01:00,000 INFO] x\n")
                .is_empty()
        );
        for bad in [
            "plain\n",
            "[2026-11-25,14:00:59,123 INFO] x\n",
            "[2026-11-25 14:00:59,000 INFO] x\n",
            "[2026-11-25,14:00:59,000 DEBUG] x\n",
            "[2026-11-25,14:00:59,000 INFO] x",
        ] {
            assert_eq!(check_log(bad).len(), 1, "{bad:?}");
        }
    }
}
