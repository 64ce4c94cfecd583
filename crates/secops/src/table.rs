//! Tables on the case wall.

use serde::Serialize;

/// Rows of text under fixed columns; every row has as many cells as there are columns.
///
/// The cells are outside text: whoever writes them as CSV, HTML or to a terminal neutralises them there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Table {
    /// The identifier of the entity where the table belongs to one, so that the platform attaches it.
    pub title: String,
    /// Headings, in order.
    pub columns: &'static [&'static str],
    /// Cells by row.
    pub rows: Vec<Vec<String>>,
}
