//! HTTP API, events and triggers.
