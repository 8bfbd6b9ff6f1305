use super::*;

#[test]
fn the_containers_count_is_read_from_a_whole_line() {
    assert_eq!(verdict("unpacked sha256 ab"), None);
    assert_eq!(verdict("noise\nunpacked sha256 ab\n"), Some(("sha256".to_owned(), "ab".to_owned())));
}
