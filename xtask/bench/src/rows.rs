//! The rows of the table, one file each.

mod docker;
mod docker_lines;
mod docker_many;
mod executions;
mod growth;
mod heap;
mod isolation;
mod journal;
mod kubernetes;
mod lines;
mod load;
mod orchestrators;
mod overhead;
mod parallel;
mod restart;
mod schema;
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
    heap::ROW,
    lines::ROW,
    journal::ROW,
    growth::ROW,
    executions::ROW,
    executions::POSTGRES,
    load::ROW,
    isolation::ROW,
    restart::ROW,
    schema::ROW,
    docker::ROW,
    docker_lines::ROW,
    docker_many::ROW,
    kubernetes::ROW,
];
