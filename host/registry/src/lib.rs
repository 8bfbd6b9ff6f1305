//! Finding, checking and loading plugins; types, schemas, docs, icons, defaults.
