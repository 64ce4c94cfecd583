//! The actions against the simulator, over real HTTP.

mod common;
mod golden;
mod states;
mod trouble;
