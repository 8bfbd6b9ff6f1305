//! The storage account, as a connection string or three properties name it.

use ring::hmac;
use switchyard_plugin_api::Error;

use crate::batch::{auth, properties::BlobStorage};

pub enum Right {
    Key(hmac::Key),
    /// A shared access signature that somebody else has made.
    Signature(String),
}

pub struct Account {
    /// Address of its blobs, without a slash at the end.
    pub endpoint: String,
    pub name: String,
    pub right: Right,
}

/// The emulator's well-known account, as `UseDevelopmentStorage=true` means it.
const DEVELOPMENT: &str = "AccountName=devstoreaccount1;\
    AccountKey=Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==;\
    BlobEndpoint=http://127.0.0.1:10000/devstoreaccount1";

fn wrong(place: &str, message: &str, help: &str) -> Error {
    Error::user("azure::storage_account", message).at(format!("/blobStorage/{place}")).with_help(help)
}

impl Account {
    pub fn of(storage: &BlobStorage) -> Result<Self, Error> {
        let given = |value: &Option<String>| value.clone().filter(|text| !text.trim().is_empty());
        if let Some(text) = given(&storage.connection_string) {
            return Self::of_connection_string(&text);
        }
        let help = "copy one of the two keys of the storage account from the portal";
        let key = given(&storage.shared_key_account_access_key).and_then(|text| auth::key(&text));
        Ok(Self {
            endpoint: given(&storage.endpoint).unwrap_or_default().trim_end_matches('/').to_owned(),
            name: given(&storage.shared_key_account_name).unwrap_or_default(),
            right: Right::Key(key.ok_or_else(|| wrong("sharedKeyAccountAccessKey", "the key is no base64 text", help))?),
        })
    }

    fn of_connection_string(text: &str) -> Result<Self, Error> {
        let value = |name: &str| {
            let pairs = text.split(';').filter_map(|pair| pair.trim().split_once('='));
            pairs.filter(|(known, _)| known.trim().eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned()).next()
        };
        let help = "copy the whole connection string from the portal: `DefaultEndpointsProtocol=https;AccountName=…;AccountKey=…`";
        let wrong = |message: &str| wrong("connectionString", message, help);
        if value("UseDevelopmentStorage").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Self::of_connection_string(DEVELOPMENT);
        }
        let name = value("AccountName");
        let endpoint = match (value("BlobEndpoint"), &name) {
            (Some(endpoint), _) => endpoint,
            (None, Some(name)) => {
                let protocol = value("DefaultEndpointsProtocol").unwrap_or_else(|| "https".to_owned());
                let suffix = value("EndpointSuffix").unwrap_or_else(|| "core.windows.net".to_owned());
                format!("{protocol}://{name}.blob.{suffix}")
            }
            (None, None) => return Err(wrong("the connection string names neither `AccountName` nor `BlobEndpoint`")),
        };
        let endpoint = endpoint.trim_end_matches('/').to_owned();
        let right = match (value("AccountKey"), value("SharedAccessSignature")) {
            (Some(key), _) => Right::Key(auth::key(&key).ok_or_else(|| wrong("`AccountKey` is no base64 text"))?),
            (None, Some(signature)) => Right::Signature(signature.trim_start_matches('?').to_owned()),
            (None, None) => return Err(wrong("the connection string holds neither `AccountKey` nor `SharedAccessSignature`")),
        };
        let name = match (name, &right) {
            (Some(name), _) => name,
            (None, Right::Signature(_)) => String::new(),
            (None, Right::Key(_)) => return Err(wrong("the connection string has a key, but no `AccountName`")),
        };
        Ok(Self { endpoint, name, right })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn z2_connection_strings_lead_to_the_account() {
        for (text, expected) in [
            (
                "DefaultEndpointsProtocol=https;AccountName=a;AccountKey=a2V5;EndpointSuffix=core.windows.net",
                Ok(("https://a.blob.core.windows.net", "a")),
            ),
            ("AccountName=a;AccountKey=a2V5==", Err("base64")),
            ("accountname=a; AccountKey=a2V5", Ok(("https://a.blob.core.windows.net", "a"))),
            ("BlobEndpoint=http://h:1/a/;AccountName=a;AccountKey=a2V5", Ok(("http://h:1/a", "a"))),
            ("BlobEndpoint=https://h;SharedAccessSignature=?sv=1&sig=x%3D", Ok(("https://h", ""))),
            ("UseDevelopmentStorage=true", Ok(("http://127.0.0.1:10000/devstoreaccount1", "devstoreaccount1"))),
            ("AccountName=a", Err("neither `AccountKey`")),
            ("AccountKey=a2V5", Err("neither `AccountName`")),
            ("BlobEndpoint=https://h;AccountKey=a2V5", Err("no `AccountName`")),
            ("words", Err("neither")),
        ] {
            match (Account::of_connection_string(text), expected) {
                (Ok(account), Ok((endpoint, name))) => {
                    assert_eq!((account.endpoint.as_str(), account.name.as_str()), (endpoint, name), "{text}");
                }
                (Err(error), Err(words)) => assert!(error.message.contains(words) && error.property.is_some(), "{text}: {error}"),
                (found, _) => panic!("{text}: {:?}", found.err()),
            }
        }
    }
}
