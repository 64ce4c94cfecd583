//! One file a command.

pub(crate) mod action;
pub(crate) mod cache;
pub(crate) mod completions;
pub(crate) mod config;
pub(crate) mod demo;
pub(crate) mod gateway;
mod instance;
pub(crate) mod man;
pub(crate) mod objects;
pub(crate) mod package;
pub(crate) mod ping;
pub(crate) mod policy;
pub(crate) mod quota;
pub(crate) mod report;
pub(crate) mod resume;
pub(crate) mod run;
pub(crate) mod scan;
pub(crate) mod simulator;
pub(crate) mod upload;
pub(crate) mod workdesk;
