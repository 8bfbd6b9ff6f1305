//! Files between the host's working directory and the bucket. The bucket is mounted in the container, so a folder in it is the working
//! directory of the command.

use std::path::PathBuf;

use futures_util::{StreamExt, TryStreamExt, stream};
use switchyard_plugin_api::{Context, Error, Files, transfer::Wanted};

use super::{Client, storage::FILE};
use crate::{local, name};

/// Files that are on their way at the same time.
const PARALLEL: usize = 8;

/// Uploads input files, and marks the folders that have to be there. Begins no more of them when the host asks for the end.
pub async fn upload(client: &Client, bucket: &str, files: &Files, context: &Context) -> Result<(), Error> {
    let folder = name::folder(files);
    let local::Listing { files: names, folders } = local::list(&files.working_dir, FILE)?;
    // An empty object with a slash makes a folder: the command can start in it, and a mount without implicit folders shows what is below.
    let output = files.output_dir.clone().filter(|output| !folders.iter().any(|known| known.as_os_str() == output.as_str()));
    let marks = folders.iter().filter_map(|folder| folder.to_str()).map(|inner| format!("{folder}/{inner}/"));
    let marks: Vec<String> =
        std::iter::once(format!("{folder}/")).chain(marks).chain(output.map(|output| format!("{folder}/{output}/"))).collect();
    let marked = stream::iter(marks).take_until(context.cancelled()).map(|mark| async move { client.mark(bucket, &mark).await });
    marked.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await?;
    let named = |name: &PathBuf| Some((format!("{folder}/{}", name.to_str()?), files.working_dir.join(name)));
    let sent: Vec<(String, PathBuf)> = names.iter().filter_map(named).collect();
    let sent =
        stream::iter(sent).take_until(context.cancelled()).map(|(object, path)| async move { client.upload(bucket, &object, &path).await });
    sent.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
}

/// Downloads what the task asked for.
pub async fn download(client: &Client, bucket: &str, files: &Files, everything: bool, context: &Context) -> Result<(), Error> {
    let folder = format!("{}/", name::folder(files));
    let wanted = if everything { Wanted::Everything } else { Wanted::of(files) };
    let objects = client.objects(bucket, &folder).await?;
    let places = objects.into_iter().filter_map(|object| {
        let name = object.strip_prefix(&folder).filter(|name| !name.is_empty() && !name.ends_with('/'))?;
        let path = local::place(&files.working_dir, name, context).filter(|_| wanted.takes(name))?;
        Some((object, path))
    });
    let fetched = stream::iter(places).map(|(object, path)| async move { client.download(bucket, &object, &path).await });
    fetched.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
}

/// Removes the task's folder from the bucket.
pub async fn remove(client: &Client, bucket: &str, files: &Files) -> Result<(), Error> {
    let objects = client.objects(bucket, &format!("{}/", name::folder(files))).await?;
    let removed = stream::iter(objects).map(|object| async move { client.delete_object(bucket, &object).await });
    removed.buffer_unordered(PARALLEL).try_collect::<Vec<()>>().await.map(drop)
}
