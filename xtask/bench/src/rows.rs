//! The rows of the table, one file each.

mod docker;
mod growth;
mod lines;
mod orchestrators;
mod overhead;
mod parallel;
mod sequence;
mod start;

use crate::row::Row;

pub const ALL: &[Row] = &[
    start::TIME,
    start::MEMORY,
    sequence::ROW,
    parallel::ROW,
    orchestrators::HYPERQUEUE,
    orchestrators::PREFECT,
    orchestrators::SNAKEMAKE,
    overhead::ROW,
    lines::ROW,
    growth::ROW,
    docker::ROW,
];
