//! Crimes of a plugin that is being loaded, chosen by an environment variable: before anything was asked of it.

use std::{hint::black_box, time::Duration};

/// Names the crime.
pub const VARIABLE: &str = "SWITCHYARD_MISBEHAVE";

/// What to do wrong while the library is loaded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoadCrime {
    AbortInLoad,
    ExitInLoad,
    HangInLoad,
    SegfaultInLoad,
    AbortInInit,
    ExitInInit,
    HangInInit,
    PanicInInit,
    SegfaultInInit,
    /// Prints to standard output what looks like an answer.
    PrintInInit,
    BadSchema,
}

const CRIMES: &[(&str, LoadCrime)] = &[
    ("abort-in-load", LoadCrime::AbortInLoad),
    ("exit-in-load", LoadCrime::ExitInLoad),
    ("hang-in-load", LoadCrime::HangInLoad),
    ("segfault-in-load", LoadCrime::SegfaultInLoad),
    ("abort-in-init", LoadCrime::AbortInInit),
    ("exit-in-init", LoadCrime::ExitInInit),
    ("hang-in-init", LoadCrime::HangInInit),
    ("panic-in-init", LoadCrime::PanicInInit),
    ("segfault-in-init", LoadCrime::SegfaultInInit),
    ("print-in-init", LoadCrime::PrintInInit),
    ("bad-schema", LoadCrime::BadSchema),
];

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    Load,
    Init,
}

pub(crate) fn is_asked(crime: LoadCrime) -> bool {
    asked() == Some(crime)
}

fn asked() -> Option<LoadCrime> {
    let name = std::env::var(VARIABLE).ok()?;
    CRIMES.iter().find(|(known, _)| *known == name).map(|(_, crime)| *crime)
}

pub(crate) fn commit(place: Place) {
    match (asked(), place) {
        (Some(LoadCrime::AbortInLoad), Place::Load) | (Some(LoadCrime::AbortInInit), Place::Init) => std::process::abort(),
        (Some(LoadCrime::ExitInLoad), Place::Load) | (Some(LoadCrime::ExitInInit), Place::Init) => std::process::exit(3),
        (Some(LoadCrime::HangInLoad), Place::Load) | (Some(LoadCrime::HangInInit), Place::Init) => loop {
            std::thread::park_timeout(Duration::from_secs(3600));
        },
        (Some(LoadCrime::SegfaultInLoad), Place::Load) | (Some(LoadCrime::SegfaultInInit), Place::Init) => {
            // SAFETY: none; that is the crime.
            unsafe { black_box(std::ptr::without_provenance_mut::<u8>(8)).write_volatile(1) }
        }
        (Some(LoadCrime::PanicInInit), Place::Init) => panic!("init panics"),
        (Some(LoadCrime::PrintInInit), Place::Init) => print!("switchyard-preflight {{\"half\": "),
        _ => {}
    }
}

extern "C" fn constructor() {
    commit(Place::Load);
}

// Runs inside `dlopen`, before anybody can ask anything.
#[used]
#[unsafe(link_section = ".init_array")]
static CONSTRUCTOR: extern "C" fn() = constructor;
