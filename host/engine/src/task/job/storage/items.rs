//! Rows of a file: DeduplicateItems, FilterItems.

use std::{
    collections::HashMap,
    io::{BufWriter, Write},
};

use serde_json::json;
use switchyard_expr::is_truthy;
use switchyard_model::JsonMap;
use switchyard_plugin_api::Error;

use super::super::{
    Given,
    given::blocking,
    outputs,
    rows::{Item, Items},
};
use super::files::{NEW, new_file, written};

pub async fn deduplicate(given: &Given) -> Result<JsonMap, Error> {
    let expression = given.need("expr")?;
    let from = given.site.local(&given.stored("from")?, "from").await.map_err(|error| error.at("/from"))?;
    let target = new_file(given)?;
    let rendering = given.rendering();
    let (keys, total) = blocking(move || {
        let key = |item: &Item| rendering.render(&expression, item).map_err(|error| at(error, item, "/expr"));
        // The last row of a key stays: a first pass finds which one that is.
        let mut last: HashMap<String, u64> = HashMap::new();
        for item in Items::open(&from)? {
            let item = item?;
            last.insert(key(&item)?, item.number);
        }
        let keep: std::collections::HashSet<u64> = last.values().copied().collect();
        let mut target = BufWriter::new(target);
        let mut total = 0_u64;
        for item in Items::open(&from)? {
            let item = item?;
            total += 1;
            if keep.contains(&item.number) {
                item.write(&mut target)?;
            }
        }
        target.flush().map_err(|error| written(&error))?;
        Ok((keep.len() as u64, total))
    })
    .await?;
    let uri = given.site.keep(NEW, "deduplicated.ion").await?;
    Ok(outputs(json!({ "uri": uri, "numKeys": keys, "processedItemsTotal": total, "droppedItemsTotal": total - keys })))
}

pub async fn filter(given: &Given) -> Result<JsonMap, Error> {
    let condition = given.need("filterCondition")?;
    let include = given.choice("filterType", &["INCLUDE", "EXCLUDE"])? == "INCLUDE";
    let doubt = given.choice("errorOrNullBehavior", &["FAIL", "INCLUDE", "EXCLUDE"])?;
    let from = given.site.local(&given.stored("from")?, "from").await.map_err(|error| error.at("/from"))?;
    let target = new_file(given)?;
    let rendering = given.rendering();
    let (total, dropped) = blocking(move || {
        let mut target = BufWriter::new(target);
        let (mut total, mut dropped) = (0_u64, 0_u64);
        for item in Items::open(&from)? {
            let item = item?;
            total += 1;
            let keep = match rendering.render(&condition, &item) {
                // What renders to nothing was null.
                Ok(text) if !text.is_empty() => is_truthy(&text) == include,
                Ok(_) if doubt == "FAIL" => {
                    let error = Error::task("flow::invalid_property", "`filterCondition` is null");
                    return Err(at(error, &item, "/filterCondition"));
                }
                Err(error) if doubt == "FAIL" => return Err(at(error, &item, "/filterCondition")),
                _ => doubt == "INCLUDE",
            };
            if keep {
                item.write(&mut target)?;
            } else {
                dropped += 1;
            }
        }
        target.flush().map_err(|error| written(&error))?;
        Ok((total, dropped))
    })
    .await?;
    let uri = given.site.keep(NEW, "filtered.ion").await?;
    Ok(outputs(json!({ "uri": uri, "processedItemsTotal": total, "droppedItemsTotal": dropped })))
}

fn at(mut error: Error, item: &Item, property: &str) -> Error {
    error.message = format!("row {}: {}", item.number + 1, error.message);
    error.at(property)
}
