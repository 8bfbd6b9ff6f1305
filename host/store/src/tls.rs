//! Encrypted connections of this process: which implementation they use.

/// Chooses it, unless somebody did before. Call it before the first connection is made.
pub fn install() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}
