//! Step 4, pure: words and tables. Golden files pin them.

pub(crate) mod insight;
pub(crate) mod message;
pub(crate) mod table;
