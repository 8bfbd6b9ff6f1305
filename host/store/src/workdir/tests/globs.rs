use crate::workdir::Glob;

#[test]
fn the_java_dialect() {
    let table = [
        ("*.csv", "a.csv .csv", "d/a.csv a.csvx"),
        ("**/*.csv", "d/a.csv d/e/a.csv", "a.csv"),
        ("**.csv", "a.csv d/a.csv .csv", "a.txt"),
        ("d/**", "d/a d/e/a", "d e/d/a"),
        ("?.t", "a.t ä.t", "ab.t /.t"),
        ("[abc].t", "a.t b.t", "d.t"),
        ("[a-c].t", "b.t", "d.t -.t"),
        ("[a-].t", "a.t -.t", "b.t"),
        ("[!a-c].t", "d.t", "a.t /.t"),
        ("[*?\\].t", "*.t ?.t \\.t", "a.t"),
        ("{a,b}.t", "a.t b.t", "c.t {a,b}.t"),
        ("{a,b*,}.t", "a.t bcd.t .t", "cb.t"),
        ("x{**/,}a", "xa xd/a xd/e/a", "x/b"),
        ("a\\*", "a*", "ab"),
        ("a,b}", "a,b}", "a"),
        ("*", "a .hidden", "a/b"),
        ("", "", "a"),
    ];
    for (pattern, matching, others) in table {
        let glob = Glob::parse(pattern).unwrap();
        for path in matching.split_terminator(' ') {
            assert!(glob.matches(path), "`{pattern}` matches `{path}`");
        }
        for path in others.split_terminator(' ') {
            assert!(!glob.matches(path), "`{pattern}` does not match `{path}`");
        }
    }
}

#[test]
fn a_bad_pattern_is_explained() {
    let table = [
        ("a{b,{c}}", "the glob `a{b,{c}}` is not valid at character 5: groups cannot be nested"),
        ("a{b", "the glob `a{b` is not valid at character 3: a `}` is missing"),
        ("[a", "the glob `[a` is not valid at character 2: a `]` is missing"),
        ("[]", "the glob `[]` is not valid at character 2: the brackets are empty"),
        ("[a/]", "the glob `[a/]` is not valid at character 3: `/` cannot be in brackets"),
        ("[z-a]", "the glob `[z-a]` is not valid at character 4: `z-a` is not a range"),
        ("a\\", "the glob `a\\` is not valid at character 2: nothing follows the `\\`"),
    ];
    for (pattern, message) in table {
        assert_eq!(Glob::parse(pattern).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_malicious_pattern_takes_no_longer_than_its_length() {
    let groups = Glob::parse(&format!("{}b", "**{a,aa,*}".repeat(60))).unwrap();
    assert!(!groups.matches(&"a".repeat(2_000)));
    assert!(groups.matches(&format!("{}b", "a".repeat(2_000))));
}
