//! Tables on the case wall.

use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A titled table; entities of one object share its rows.
///
/// The cells are outside text: whoever writes them as CSV, HTML or to a terminal neutralises them there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// The identifier of the entity where the table belongs to one, so that the platform attaches it.
    pub title: String,
    rows: Arc<Rows>,
}

/// Rows of text under fixed columns; every row has as many cells as there are columns.
///
/// The text stands in one piece: a thousand reports have sixty thousand rows, and a string for each cell would
/// take five times the memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rows {
    columns: &'static [&'static str],
    text: String,
    /// Where each cell ends in the text.
    ends: Vec<usize>,
}

impl Rows {
    /// No rows yet, under these headings.
    #[must_use]
    pub fn new(columns: &'static [&'static str]) -> Self {
        Self {
            columns,
            text: String::new(),
            ends: Vec::new(),
        }
    }

    /// Adds a row: one cell a column. Missing cells are empty, further ones are dropped.
    pub fn push(&mut self, cells: &[&str]) {
        for place in 0..self.columns.len() {
            self.text.push_str(cells.get(place).copied().unwrap_or_default());
            self.ends.push(self.text.len());
        }
    }

    /// How many rows there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.ends.len().checked_div(self.columns.len()).unwrap_or(0)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The rows, in order.
    pub fn iter(&self) -> impl Iterator<Item = Vec<&str>> {
        let mut start = 0;
        self.ends.chunks(self.columns.len().max(1)).map(move |ends| {
            let cells = ends.iter().map(|end| {
                let cell = self.text.get(start..*end).unwrap_or_default();
                start = *end;
                cell
            });
            cells.collect()
        })
    }
}

impl Table {
    /// These rows under a title.
    #[must_use]
    pub fn new(title: impl Into<String>, rows: &Arc<Rows>) -> Self {
        Self {
            title: title.into(),
            rows: Arc::clone(rows),
        }
    }

    /// Headings, in order.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        self.rows.columns
    }

    /// The rows.
    #[must_use]
    pub fn rows(&self) -> &Rows {
        &self.rows
    }
}

/// `{"title": …, "columns": […], "rows": [[…], …]}`
impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_struct("Table", 3)?;
        table.serialize_field("title", &self.title)?;
        table.serialize_field("columns", self.columns())?;
        table.serialize_field("rows", &Listed(&self.rows))?;
        table.end()
    }
}

struct Listed<'a>(&'a Rows);

impl Serialize for Listed<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter())
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;
    use serde_json::json;

    use super::{Rows, Table};

    #[test]
    fn every_row_has_as_many_cells_as_there_are_columns() {
        let mut rows = Rows::new(&["A", "B"]);
        rows.push(&["1", "ü"]);
        rows.push(&["2"]);
        rows.push(&["3", "", "x"]);
        let table = Table::new("t", &Arc::new(rows));
        assert_eq!(table.rows().len(), 3);
        let expected =
            json!({"title": "t", "columns": ["A", "B"], "rows": [["1", "ü"], ["2", ""], ["3", ""]]});
        assert_eq!(serde_json::to_value(&table).unwrap(), expected);
        assert!(Rows::new(&[]).iter().next().is_none());
    }

    proptest! {
        #[test]
        fn cells_come_back_as_they_were(cells in prop::collection::vec(("\\PC*", "\\PC*"), 0..10)) {
            let mut rows = Rows::new(&["A", "B"]);
            cells.iter().for_each(|(a, b)| rows.push(&[a, b]));
            let back: Vec<Vec<String>> = rows.iter().map(|row| row.into_iter().map(str::to_owned).collect()).collect();
            let expected: Vec<Vec<String>> = cells.into_iter().map(|(a, b)| vec![a, b]).collect();
            prop_assert_eq!(back, expected);
        }
    }
}
