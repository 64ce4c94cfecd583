//! secops
