//! vtsecops
fn main() {}
