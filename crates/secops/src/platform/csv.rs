//! A table as the platform takes it: lines of comma-separated cells.
//!
//! The platform's own SDK quotes nothing and turns commas into blanks, and nobody promises that its readers know quotes. So no
//! cell may need any: commas and line breaks become blanks, a double quote a single one. A cell that a
//! spreadsheet would take for a formula gets an apostrophe before it.

use crate::Rows;

/// Header and rows; nothing for a table without rows.
pub(super) fn lines(rows: &Rows) -> Vec<String> {
    let cells = rows.read();
    if cells.is_empty() {
        return Vec::new();
    }
    let header = rows
        .columns()
        .iter()
        .map(|heading| cell(heading))
        .collect::<Vec<_>>();
    let mut lines = vec![header.join(",")];
    for row in cells {
        lines.push(row.iter().map(|text| cell(text)).collect::<Vec<_>>().join(","));
    }
    lines
}

fn cell(text: &str) -> String {
    let plain: String = text
        .chars()
        .map(|character| match character {
            ',' => ' ',
            '"' => '\'',
            other if other.is_control() => ' ',
            other => other,
        })
        .collect();
    match plain.trim_start().starts_with(['=', '+', '-', '@']) {
        true => format!("'{plain}"),
        false => plain,
    }
}

#[cfg(test)]
mod tests {
    use super::lines;
    use crate::Rows;

    #[test]
    fn no_cell_breaks_a_line_or_becomes_a_formula() {
        let rows = Rows::new(&["Engine", "Result"], || {
            vec![
                vec!["A, B".to_owned(), "=cmd|' /C calc'!A0".to_owned()],
                vec!["say \"x\"".to_owned(), "one\r\ntwo\u{7}".to_owned()],
                vec![" @x".to_owned(), String::new()],
            ]
        });
        assert_eq!(
            lines(&rows),
            [
                "Engine,Result",
                "A  B,'=cmd|' /C calc'!A0",
                "say 'x',one  two ",
                "' @x,"
            ]
        );
        assert!(lines(&Rows::new(&["A"], Vec::new)).is_empty());
    }
}
