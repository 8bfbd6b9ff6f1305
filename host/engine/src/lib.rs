//! What to run next, and running it.
