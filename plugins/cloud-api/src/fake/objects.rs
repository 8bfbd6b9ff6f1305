//! The bucket: a directory, as if it were mounted.

use std::{fs, path::Path};

use serde_json::{Value, json};

use super::{
    google::{BUCKET, Google, Product},
    http::{Answer, Request},
};

impl<P: Product> Google<P> {
    pub(super) fn objects(&self, request: &Request) -> Answer {
        let rest = request.path.split("/b/").nth(1).unwrap();
        let (bucket, object) = rest.split_once("/o").map_or((rest, None), |(bucket, object)| (bucket, Some(object)));
        if bucket != BUCKET {
            return Answer::error(404, "no such bucket");
        }
        let name =
            object.map(|object| percent_encoding::percent_decode_str(object.trim_start_matches('/')).decode_utf8_lossy().into_owned());
        match (request.method.as_str(), name.as_deref()) {
            ("GET", None) => Answer::json(json!({ "name": bucket })),
            ("POST", Some("")) => self.put(request.query("name").unwrap(), &request.body),
            ("GET", Some("")) => self.list(request.query("prefix").unwrap_or_default()),
            ("GET", Some(name)) => match fs::read(self.mount().join(name)) {
                Ok(content) => Answer::bytes(content),
                Err(_) => Answer::error(404, "no such object"),
            },
            ("DELETE", Some(name)) => {
                let path = self.mount().join(name);
                let removed = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
                if removed.is_ok() { Answer::bytes(Vec::new()) } else { Answer::error(404, "no such object") }
            }
            _ => Answer::error(400, "not understood"),
        }
    }

    fn put(&self, name: &str, content: &[u8]) -> Answer {
        let path = self.mount().join(name);
        if name.ends_with('/') {
            fs::create_dir_all(path).unwrap();
        } else {
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, content).unwrap();
            // Mounted buckets know no modes: every file may be executed.
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
        }
        Answer::json(json!({ "name": name }))
    }

    fn list(&self, prefix: &str) -> Answer {
        let mut names = Vec::new();
        walk(&self.mount(), &self.mount(), &mut names);
        let items: Vec<Value> = names.into_iter().filter(|name| name.starts_with(prefix)).map(|name| json!({ "name": name })).collect();
        Answer::json(json!({ "items": items }))
    }
}

fn walk(root: &Path, folder: &Path, names: &mut Vec<String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
        if path.is_dir() {
            names.push(format!("{name}/"));
            walk(root, &path, names);
        } else {
            names.push(name);
        }
    }
}
