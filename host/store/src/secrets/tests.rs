use std::os::unix::fs::PermissionsExt;

use super::Secrets;

fn file(text: &str, mode: u32) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    std::fs::set_permissions(file.path(), std::fs::Permissions::from_mode(mode)).unwrap();
    file
}

#[test]
fn rule_9_secrets_of_the_environment() {
    let variables = [
        ("SECRET_DB", "cGFzc3dvcmQ="),
        ("SECRET_lower", "YWJj"),
        ("SECRET_LONG", "cGFz\nc3dv\r\ncmQ=\n"),
        ("SECRET_BAD", "not base64!"),
        ("SECRET_BYTES", "/////w=="),
        ("OTHER", "cGFzc3dvcmQ="),
    ];
    let (secrets, errors) = Secrets::from_env(variables.map(|(k, v)| (k.to_owned(), v.to_owned())));
    for (key, value) in [("DB", "password"), ("db", "password"), ("LOWER", "abc"), ("LONG", "password")] {
        assert_eq!(secrets.get(key).unwrap(), value);
    }
    let codes: Vec<_> = errors.iter().map(super::Error::code).collect();
    assert_eq!(codes, ["secrets::undecodable"; 2]);
    insta::assert_snapshot!(secrets.get("other").unwrap_err(), @"there is no secret `OTHER`; set the environment variable `SECRET_OTHER` to its value in base64, or add `OTHER=value` to the secrets file");
    assert_eq!(format!("{secrets:?}"), r#"{"DB", "LONG", "LOWER"}"#);
}

#[test]
fn secrets_of_a_file() {
    let lines = file("# comment\nDB=pass=word \n\n  token = x\nnothing\n=y\n", 0o644);
    let (mut secrets, errors) = Secrets::from_file(lines.path()).unwrap();
    assert_eq!((secrets.get("DB").unwrap(), secrets.get("TOKEN").unwrap()), ("pass=word ", " x"));
    let codes: Vec<_> = errors.iter().map(super::Error::code).collect();
    assert_eq!(codes, ["secrets::exposed", "secrets::line", "secrets::line"]);

    let json = file(r#"{"db": "two\nlines"}"#, 0o600);
    let (newer, errors) = Secrets::from_file(json.path()).unwrap();
    assert_eq!(errors.len(), 0);
    secrets.extend(newer);
    assert_eq!(secrets.get("DB").unwrap(), "two\nlines");
}

#[test]
fn an_error_never_shows_a_value() {
    let broken = file(r#"{"db": "hidden", "other": 12345}"#, 0o600);
    let error = Secrets::from_file(broken.path()).unwrap_err();
    assert_eq!(error.code(), "secrets::json");
    assert!(!error.to_string().contains("hidden") && !error.to_string().contains("12345"), "{error}");
    let missing = Secrets::from_file(std::path::Path::new("/does/not/exist")).unwrap_err();
    assert_eq!(missing.code(), "secrets::unreadable");
}
