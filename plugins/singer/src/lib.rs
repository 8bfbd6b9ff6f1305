//! Singer: taps read a source and print records, targets read records and write them somewhere.
//!
//! [`connectors`] is the table of the known ones, [`tap`] and [`target`] are what all of them have in common.

#![forbid(unsafe_code)]

mod catalog;
mod connector;
mod connectors;
mod install;
mod log;
mod state;
mod tap;
mod target;
#[cfg(test)]
mod tests;

pub use connectors::plugin;
