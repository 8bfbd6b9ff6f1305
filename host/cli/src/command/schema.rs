//! `switchyard schema`.

use super::print_json;
use crate::{
    arguments::{Globals, Schema},
    exit::Exit,
    failure::Failure,
    host::Host,
};

pub fn run(globals: &Globals, _: &Schema) -> Result<Exit, Failure> {
    print_json(&Host::open(globals)?.registry.flow_schema())?;
    Ok(Exit::Success)
}
