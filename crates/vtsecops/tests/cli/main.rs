//! The binary as people run it.

mod config;
mod keyring;
mod scan;
mod scene;
mod secrets;
mod tools;
