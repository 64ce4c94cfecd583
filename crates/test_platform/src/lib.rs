//! A Google SecOps platform for tests.
