//! Tables on the case wall.

use std::fmt;
use std::sync::Arc;

use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

/// A titled table; entities of one object share its rows.
///
/// The cells are outside text: whoever writes them as CSV, HTML or to a terminal neutralises them there.
#[derive(Clone, Debug)]
pub struct Table {
    /// The identifier of the entity where the table belongs to one, so that the platform attaches it.
    pub title: String,
    /// What it shows.
    pub rows: Rows,
    /// Whether it is what was asked for, rather than a detail of a report: a terminal shows it then.
    pub is_answer: bool,
}

/// Rows of text under fixed columns.
///
/// They are made when they are read, from the report that they show: a thousand reports have sixty thousand rows,
/// which most outputs never look at.
#[derive(Clone)]
pub struct Rows {
    columns: &'static [&'static str],
    make: Arc<dyn Fn() -> Vec<Vec<String>> + Send + Sync>,
}

impl Rows {
    /// Rows under these headings; each has one cell a column.
    #[must_use]
    pub fn new(
        columns: &'static [&'static str],
        make: impl Fn() -> Vec<Vec<String>> + Send + Sync + 'static,
    ) -> Self {
        Self {
            columns,
            make: Arc::new(make),
        }
    }

    /// Headings, in order.
    #[must_use]
    pub fn columns(&self) -> &'static [&'static str] {
        self.columns
    }

    /// The cells, row by row.
    #[must_use]
    pub fn read(&self) -> Vec<Vec<String>> {
        (self.make)()
    }
}

impl fmt::Debug for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rows")
            .field("columns", &self.columns)
            .finish_non_exhaustive()
    }
}

/// `{"title": …, "columns": […], "rows": [[…], …]}`
impl Serialize for Table {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut table = serializer.serialize_struct("Table", 3)?;
        table.serialize_field("title", &self.title)?;
        table.serialize_field("columns", self.rows.columns)?;
        table.serialize_field("rows", &self.rows.read())?;
        table.end()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::{Rows, Table};

    #[test]
    fn a_table_is_written_with_title_columns_and_rows() {
        let rows = Rows::new(&["A", "B"], || vec![vec!["1".to_owned(), "2".to_owned()]]);
        let table = Table {
            title: "t".to_owned(),
            rows,
            is_answer: false,
        };
        assert_eq!(
            serde_json::to_value(&table).unwrap(),
            json!({"title": "t", "columns": ["A", "B"], "rows": [["1", "2"]]})
        );
    }
}
