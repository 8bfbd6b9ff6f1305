//! The expression language: parse once, render many.
