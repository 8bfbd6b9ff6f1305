//! Who this host is to what it leaves on other systems: an id that outlives it, and that hosts with the same journal share.

use std::{fs, io, path::Path};

use crate::{digest, random};

/// Label of what runners make.
pub const LABEL: &str = "kestra.io/runner-instance";

/// Of a host that keeps nothing: nobody will look for what it leaves.
pub fn passing() -> String {
    random::bytes().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// Of the journal in this directory; made by the first who asks.
pub fn of_directory(data: &Path) -> io::Result<String> {
    let file = data.join("instance");
    if let Some(known) = read(&file)? {
        return Ok(known);
    }
    let new = passing();
    let draft = data.join(format!("instance.{new}"));
    fs::write(&draft, &new)?;
    // As a whole or not at all, and never over that of another one.
    let linked = fs::hard_link(&draft, &file);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(read(&file)?.unwrap_or(new)),
    }
}

fn read(file: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(file) {
        Ok(text) => Ok(Some(text.trim().to_owned()).filter(|id| !id.is_empty())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Of a database, by its address: whoever connects may change, the database stays.
pub fn of_database(url: &str) -> String {
    let address = url.split_once("://").map_or(url, |(_, rest)| rest);
    let address = address.split('?').next().unwrap_or_default();
    digest::short(address.rsplit_once('@').map_or(address, |(_, place)| place))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_keeps_its_id() {
        let folder = tempfile::tempdir().unwrap();
        let first = of_directory(folder.path()).unwrap();
        assert_eq!((first.len(), of_directory(folder.path()).unwrap()), (16, first.clone()));
        assert_ne!(of_directory(tempfile::tempdir().unwrap().path()).unwrap(), first);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1, "no draft is left");
    }

    #[test]
    fn a_database_is_the_same_for_every_user_of_it() {
        let id = of_database("postgres://a:secret@host:5432/db");
        assert_eq!(id, of_database("postgresql://b@host:5432/db?sslmode=require"));
        assert_ne!(id, of_database("postgres://a:secret@host:5432/other"));
    }
}
