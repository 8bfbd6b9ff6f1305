//! The log pipeline: raw bytes of a task become log text and the values of its protocol lines.
