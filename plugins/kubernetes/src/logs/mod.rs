//! From the kubelet's log to the host's: every byte once, with the time it was written, whatever breaks in between.

mod cursor;
mod follow;
mod lag;
mod last_words;

pub use cursor::{Cursor, Piece, Position};
pub use follow::{Ended, Log};
pub use last_words::with_last_words;
