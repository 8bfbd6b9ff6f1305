//! Files between the host's working directory and the bucket. The bucket is mounted in the container, so a folder in it is the working
//! directory of the command.

use std::path::{Path, PathBuf};

use switchyard_plugin_api::{
    Context, Error, Files, Level,
    transfer::{self, Wanted},
};
use tokio::fs;

use crate::{api::Client, name};

fn failed(doing: &str, path: &Path, error: &std::io::Error) -> Error {
    Error::environment("cloud_run::file", format!("{} cannot be {doing}: {error}", path.display()))
        .with_help("check the host's disk and rights")
}

/// Everything below the working directory, as relative paths.
async fn list(root: &Path) -> Result<Vec<PathBuf>, Error> {
    let (mut found, mut folders) = (Vec::new(), vec![PathBuf::new()]);
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        let mut entries = fs::read_dir(&path).await.map_err(|error| failed("listed", &path, &error))?;
        while let Some(entry) = entries.next_entry().await.map_err(|error| failed("listed", &path, &error))? {
            let name = folder.join(entry.file_name());
            // A link could lead out of the directory.
            match entry.file_type().await.map_err(|error| failed("read", &path, &error))? {
                kind if kind.is_dir() => folders.push(name),
                kind if kind.is_file() => found.push(name),
                _ => {}
            }
        }
    }
    Ok(found)
}

/// Uploads input files, and marks the folders that have to be there.
pub async fn upload(client: &Client, bucket: &str, files: &Files) -> Result<(), Error> {
    let folder = name::folder(files);
    // An empty object with a slash makes the folder, so that the command can start in it.
    client.upload(bucket, &format!("{folder}/"), Vec::new()).await?;
    if let Some(output) = &files.output_dir {
        client.upload(bucket, &format!("{folder}/{output}/"), Vec::new()).await?;
    }
    for name in list(&files.working_dir).await? {
        let path = files.working_dir.join(&name);
        let Some(text) = name.to_str() else { continue };
        let content = fs::read(&path).await.map_err(|error| failed("read", &path, &error))?;
        client.upload(bucket, &format!("{folder}/{text}"), content).await?;
    }
    Ok(())
}

/// Downloads what the task asked for.
pub async fn download(client: &Client, bucket: &str, files: &Files, everything: bool, context: &Context) -> Result<(), Error> {
    let folder = format!("{}/", name::folder(files));
    let wanted = if everything { Wanted::Everything } else { Wanted::of(files) };
    for object in client.objects(bucket, &folder).await? {
        let Some(name) = object.strip_prefix(&folder).filter(|name| !name.is_empty() && !name.ends_with('/')) else { continue };
        if !wanted.takes(name) {
            continue;
        }
        let Some(inside) = transfer::inside(Path::new(name)) else {
            context.message(Level::Warn, format!("The file {name:?} in the bucket would leave the working directory; it is left there."));
            continue;
        };
        let path = files.working_dir.join(inside);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).await.map_err(|error| failed("made", parent, &error))?;
        }
        let content = client.download(bucket, &object).await?;
        fs::write(&path, content).await.map_err(|error| failed("written", &path, &error))?;
    }
    Ok(())
}

/// Removes the task's folder from the bucket.
pub async fn remove(client: &Client, bucket: &str, files: &Files) -> Result<(), Error> {
    for object in client.objects(bucket, &format!("{}/", name::folder(files))).await? {
        client.delete_object(bucket, &object).await?;
    }
    Ok(())
}
