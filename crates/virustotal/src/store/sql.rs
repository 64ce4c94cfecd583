//! One way to speak to either database.
//!
//! Statements name their values `?1`, `?2` …; times are milliseconds, flags 0 and 1. A list is one value, made by [`list`], which `json_each(?1)` takes apart.

use rusqlite::types::ValueRef;

use super::server::Link;
use crate::Clock;

/// A transaction.
pub(crate) enum Connection<'a> {
    File(&'a rusqlite::Connection),
    Server(&'a Link),
}

/// Why something could not be done.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error("{0}")]
    File(#[from] rusqlite::Error),
    #[error("{0}")]
    Server(#[from] sqlx::Error),
    /// What is stored is not what was stored.
    #[error("column {0} holds something else than it should")]
    Shape(usize),
}

/// Many texts as one value.
pub(crate) fn list<'a>(texts: impl IntoIterator<Item = &'a String>) -> String {
    let texts = texts
        .into_iter()
        .map(|text| serde_json::Value::from(text.as_str()));
    serde_json::Value::Array(texts.collect()).to_string()
}

/// What is given to a statement.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Value<'a> {
    Integer(Option<i64>),
    Text(&'a str),
    Bytes(&'a [u8]),
}

/// What a statement gives.
#[derive(Clone, Debug)]
pub(crate) enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// One row of what a statement gives.
#[derive(Debug)]
pub(crate) struct Row(pub(super) Vec<Cell>);

impl Connection<'_> {
    /// Does something; gives the number of rows that were changed.
    pub(crate) fn execute(&self, sql: &'static str, values: &[Value<'_>]) -> Result<u64, Error> {
        match self {
            Self::File(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let changed = statement.execute(rusqlite::params_from_iter(values))?;
                Ok(u64::try_from(changed).unwrap_or(u64::MAX))
            }
            Self::Server(link) => link.execute(sql, values),
        }
    }

    /// Every row.
    pub(crate) fn rows(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Vec<Row>, Error> {
        match self {
            Self::File(connection) => {
                let mut statement = connection.prepare_cached(sql)?;
                let columns = statement.column_count();
                let mut rows = statement.query(rusqlite::params_from_iter(values))?;
                let mut found = Vec::new();
                while let Some(row) = rows.next()? {
                    let cells = (0..columns).map(|column| Ok(row.get_ref(column)?.into()));
                    found.push(Row(cells.collect::<Result<_, rusqlite::Error>>()?));
                }
                Ok(found)
            }
            Self::Server(link) => link.rows(sql, values),
        }
    }

    /// The first row, if there is one.
    pub(crate) fn row(&self, sql: &'static str, values: &[Value<'_>]) -> Result<Option<Row>, Error> {
        Ok(self.rows(sql, values)?.into_iter().next())
    }

    /// The value in the first column of the first row, if there is one.
    pub(crate) fn value<T: FromCell>(
        &self,
        sql: &'static str,
        values: &[Value<'_>],
    ) -> Result<Option<T>, Error> {
        self.row(sql, values)?.map(|row| row.get(0)).transpose()
    }

    /// The time. Machines that share a server go by its clock, as theirs may differ.
    pub(crate) fn now(&self, clock: &Clock) -> jiff::Timestamp {
        match self {
            Self::File(_) => clock.now(),
            Self::Server(link) => link.now(clock),
        }
    }

    /// The connection to a file, for what only a file has.
    pub(crate) fn file(&self) -> Option<&rusqlite::Connection> {
        match self {
            Self::File(connection) => Some(connection),
            Self::Server(_) => None,
        }
    }
}

impl Row {
    pub(crate) fn get<T: FromCell>(&self, column: usize) -> Result<T, Error> {
        let cell = self.0.get(column).and_then(T::from_cell);
        cell.ok_or(Error::Shape(column))
    }
}

/// What can be read from a cell.
pub(crate) trait FromCell: Sized {
    fn from_cell(cell: &Cell) -> Option<Self>;
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Null => Some(None),
            cell => T::from_cell(cell).map(Some),
        }
    }
}

macro_rules! from_integer {
    ($($kind:ty),*) => {$(
        impl FromCell for $kind {
            fn from_cell(cell: &Cell) -> Option<Self> {
                match cell {
                    Cell::Integer(number) => Self::try_from(*number).ok(),
                    _ => None,
                }
            }
        }
    )*};
}
from_integer!(i64, u64, u32, u8);

impl FromCell for bool {
    fn from_cell(cell: &Cell) -> Option<Self> {
        i64::from_cell(cell).map(|number| number != 0)
    }
}

impl FromCell for String {
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Text(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: &Cell) -> Option<Self> {
        match cell {
            Cell::Bytes(bytes) => Some(bytes.clone()),
            _ => None,
        }
    }
}

impl From<ValueRef<'_>> for Cell {
    fn from(value: ValueRef<'_>) -> Self {
        match value {
            ValueRef::Integer(number) => Self::Integer(number),
            ValueRef::Text(text) => Self::Text(String::from_utf8_lossy(text).into_owned()),
            ValueRef::Blob(bytes) => Self::Bytes(bytes.to_vec()),
            ValueRef::Null | ValueRef::Real(_) => Self::Null,
        }
    }
}

impl rusqlite::ToSql for Value<'_> {
    fn to_sql(&self) -> rusqlite::Result<rusqlite::types::ToSqlOutput<'_>> {
        match self {
            Self::Integer(number) => number.to_sql(),
            Self::Text(text) => text.to_sql(),
            Self::Bytes(bytes) => bytes.to_sql(),
        }
    }
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Self::Integer(Some(number))
    }
}

impl From<u32> for Value<'_> {
    fn from(number: u32) -> Self {
        Self::Integer(Some(number.into()))
    }
}

impl From<u8> for Value<'_> {
    fn from(number: u8) -> Self {
        Self::Integer(Some(number.into()))
    }
}

impl From<bool> for Value<'_> {
    fn from(flag: bool) -> Self {
        Self::Integer(Some(flag.into()))
    }
}

impl From<Option<u32>> for Value<'_> {
    fn from(number: Option<u32>) -> Self {
        Self::Integer(number.map(i64::from))
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Self::Text(text)
    }
}

impl<'a> From<&'a Vec<u8>> for Value<'a> {
    fn from(bytes: &'a Vec<u8>) -> Self {
        Self::Bytes(bytes)
    }
}

/// Values of several kinds, for one statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { &[$($crate::store::Value::from($value)),*] };
}
pub(crate) use values;
