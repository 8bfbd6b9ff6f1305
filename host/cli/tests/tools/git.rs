//! `git.Clone` against repositories over file, HTTP and SSH.

use std::{fs, path::Path, process::Command};

use crate::{
    PROCESS, run, server,
    support::{Home, Running},
    task,
};

/// A repository with two commits on `main`, a branch `dev` and a tag `v1`.
fn repository(folder: &Path) -> Vec<String> {
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("etl")).unwrap();
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&tree)
            .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
            .args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    };
    git(&["init", "-q", "-b", "main"]);
    fs::write(tree.join("README.md"), "first").unwrap();
    fs::write(tree.join("etl/users.py"), "print('users of', open('README.md').read())\n").unwrap();
    git(&["add", "."]);
    git(&["commit", "-qm", "one"]);
    git(&["tag", "v1"]);
    fs::write(tree.join("README.md"), "second").unwrap();
    git(&["commit", "-qam", "two"]);
    git(&["branch", "dev"]);
    let commits = git(&["rev-list", "--reverse", "main"]).lines().map(str::to_owned).collect();
    git(&["clone", "-q", "--bare", ".", folder.join("r.git").to_str().unwrap()]);
    commits
}

fn clone(properties: &str) -> String {
    format!(
        "id: t\nnamespace: a.b\ntasks:\n  - id: wd\n    type: io.kestra.plugin.core.flow.WorkingDirectory\n    tasks:\n      - id: clone\n        type: io.kestra.plugin.git.Clone\n{}      - id: look\n        type: io.kestra.plugin.scripts.shell.Commands\n        {PROCESS}\n        commands: [\"git -C {{{{ outputs.clone.directory }}}} log --format=%s | tr '\\\\n' ' '; git -C {{{{ outputs.clone.directory }}}} branch -a | tr -d '\\\\n'\"]\n",
        properties.lines().map(|line| format!("        {line}\n")).collect::<String>()
    )
}

#[test]
fn tool_git_the_seeds_working_directory_example() {
    let home = Home::new(&["git", "scripts"]);
    repository(home.folder.path());
    // As on the page, with a repository that is at hand and without the container.
    let flow = format!(
        r#"id: python_in_container
namespace: dev

tasks:
  - id: working_directory
    type: io.kestra.core.tasks.flows.WorkingDirectory
    tasks:
      - id: clone_repository
        type: io.kestra.plugin.git.Clone
        url: file://{}/r.git
        branch: main

      - id: get_users
        type: io.kestra.plugin.scripts.python.Commands
        runner: PROCESS
        warningOnStdErr: false
        commands:
          - python3 etl/users.py
"#,
        home.folder.path().display()
    );
    let (execution, ran) = run(&home, &flow, 0);
    assert!(ran.stderr().contains("users of second"), "{}", ran.stderr());
    assert!(task(&execution, "clone_repository")["outputs"]["commit"].is_string());
    // The page's own text is a valid flow as well.
    let page = flow.replace("runner: PROCESS", "runner: DOCKER\n        docker:\n          image: ghcr.io/kestra-io/pydata:latest");
    home.file("page.yaml", page);
    home.run(&["validate", "page.yaml"]).expect(0);
}

#[test]
fn tool_git_branch_tag_commit_and_depth() {
    let home = Home::new(&["git", "scripts"]);
    let commits = repository(home.folder.path());
    let url = format!("url: file://{}/r.git\n", home.folder.path().display());
    for (properties, expected, commit) in [
        ("".to_owned(), "two * main  remotes/origin/HEAD -> origin/main  remotes/origin/dev  remotes/origin/main", 1),
        ("depth: 2".to_owned(), "two one * main", 1),
        ("branch: dev\ncloneAllBranches: false\ndirectory: deep/in".to_owned(), "two * dev  remotes/origin/dev", 1),
        ("tag: v1".to_owned(), "one * (HEAD detached at v1)", 0),
        (format!("commit: {}\nbranch: dev", &commits[0][..8]), "one * (HEAD detached at", 0),
    ] {
        let (execution, ran) = run(&home, &clone(&format!("{url}{properties}")), 0);
        assert!(ran.stderr().contains(expected), "{properties}: {}", ran.stderr());
        assert_eq!(task(&execution, "clone")["outputs"]["commit"], commits[commit].as_str(), "{properties}");
    }
    for (properties, code) in [
        ("branch: nope", "git::no_reference"),
        ("tag: nope", "git::no_reference"),
        ("commit: '0123456789'", "git::no_reference"),
        ("directory: a/../../b", "flow::invalid_property"),
    ] {
        let ran = home.flow(&clone(&format!("{url}{properties}")), &[]);
        assert!(matches!(ran.code(), 1 | 2));
        let said = format!("{}{}", ran.stdout(), ran.stderr());
        assert!(said.contains(code) || code.starts_with("flow") && said.contains("leads out"), "{properties}: {said}");
    }
    let (_, ran) = run(&home, &clone(&format!("url: {}/absent", home.folder.path().display())), 1);
    assert!(ran.stderr().contains("git::no_repository"), "{}", ran.stderr());
}

#[test]
fn tool_git_files_that_are_there_stay_and_the_repositorys_win_nothing() {
    let home = Home::new(&["git", "scripts"]);
    repository(home.folder.path());
    let flow = clone(&format!("url: {}/r.git", home.folder.path().display()));
    let with =
        |files: &str| flow.replace("    tasks:\n      - id: clone", &format!("    inputFiles: {files}\n    tasks:\n      - id: clone"));
    let look = "ls | tr '\\\\n' ' '; cat mine.txt; git status --short; git log";
    let (_, ran) = run(&home, &with("{mine.txt: kept}").replace("git -C {{ outputs.clone.directory }} log", look), 0);
    let said = ran.stderr();
    assert!(said.contains("README.md etl mine.txt kept?? mine.txt"), "{said}");
    let (_, ran) = run(&home, &with("{README.md: mine}"), 1);
    assert!(ran.stderr().contains("git::in_the_way") && ran.stderr().contains("README.md"), "{}", ran.stderr());
    // Somebody's repository with settings that start programs.
    let (_, ran) = run(&home, &with("{.git/config: \"[core]\\n  fsmonitor = touch /tmp/never\"}"), 1);
    assert!(ran.stderr().contains("git::in_the_way"), "{}", ran.stderr());
}

#[test]
fn tool_git_submodules() {
    let home = Home::new(&["git", "scripts"]);
    repository(home.folder.path());
    let inner = home.folder.path().join("inner");
    fs::create_dir(&inner).unwrap();
    repository(&inner);
    let tree = home.folder.path().join("tree");
    let git = |arguments: &[&str]| {
        let mut command = Command::new("git");
        command
            .arg("-C")
            .arg(&tree)
            .args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "protocol.file.allow=always"])
            .args(arguments);
        assert!(command.status().unwrap().success(), "{arguments:?}");
    };
    git(&["submodule", "--quiet", "add", &format!("file://{}/r.git", inner.display()), "sub"]);
    git(&["commit", "-qam", "three"]);
    git(&["tag", "v3"]);
    home.file(".gitconfig", "[protocol \"file\"]\n  allow = always\n");
    for properties in ["cloneSubmodules: true", "cloneSubmodules: true\ntag: v3", "cloneSubmodules: true\ndirectory: d"] {
        let flow = clone(&format!("url: file://{}\n{properties}", tree.display()))
            .replace("git -C {{ outputs.clone.directory }} log --format=%s", "cat {{ outputs.clone.directory }}/sub/README.md");
        let (_, ran) = run(&home, &flow, 0);
        assert!(ran.stderr().contains("second"), "{properties}: {}", ran.stderr());
    }
}

#[test]
fn tool_git_over_http_with_a_password() {
    let home = Home::new(&["git", "scripts"]);
    repository(home.folder.path());
    let server = server::git_http(home.folder.path());
    let address = format!("127.0.0.1:{}/r.git", server.port);
    for properties in [
        format!("url: http://{address}\nusername: me\npassword: s3cret-w0rd"),
        format!("url: http://me:s3cret-w0rd@{address}"),
        format!("url: http://{address}\nusername: me\npassword: s3cret-w0rd\ncommit: {}", "v1"),
    ] {
        let refused = properties.contains("commit");
        let ran = home.flow(&clone(&properties.replace("commit: v1", "tag: v1")), &[]);
        assert_eq!(ran.code(), 0, "{}", ran.stderr());
        assert!(!ran.stderr().contains("s3cret") && !ran.stdout().contains("s3cret"), "{refused}");
    }
    for (properties, code) in [
        (format!("url: http://{address}"), "git::authentication"),
        (format!("url: http://{address}\nusername: me\npassword: wrong"), "git::authentication"),
        (format!("url: http://me:s3cret-w0rd@127.0.0.1:{}/absent.git", server.port), "git::no_repository"),
        ("url: http://127.0.0.1:1/r.git".to_owned(), "git::unreachable"),
    ] {
        let ran = run(&home, &clone(&properties), 1).1;
        assert!(ran.stderr().contains(code), "{properties}: {}", ran.stderr());
        assert!(!ran.stderr().contains("s3cret"), "{}", ran.stderr());
    }
}

#[test]
fn tool_git_over_ssh_known_unknown_and_changed_host_key() {
    let home = Home::new(&["git", "scripts"]);
    repository(home.folder.path());
    let keys = tempfile::tempdir().unwrap();
    let ssh = server::ssh(keys.path());
    let block = |name: &str, text: &str| {
        let lines: String = text.lines().map(|line| format!("  {line}\n")).collect();
        format!("{name}: |\n{lines}")
    };
    let url = format!("url: ssh://{}@127.0.0.1:{}{}/r.git\n", ssh.user, ssh.server.port, home.folder.path().display());
    let key = block("privateKey", &ssh.key);
    let (known, other) = (block("knownHosts", &ssh.known), block("knownHosts", &ssh.other));
    let locked = format!("{}passphrase: open sesame\n", block("privateKey", &ssh.locked));
    for (name, properties, code) in [
        ("known", format!("{url}{key}{known}"), ""),
        ("with a passphrase", format!("{url}{locked}{known}"), ""),
        ("unchecked", format!("{url}{key}strictHostKeyChecking: false"), ""),
        ("unknown", format!("{url}{key}{}", known.replace("127.0.0.1", "127.0.0.9")), "git::host_key_unknown"),
        ("changed", format!("{url}{key}{other}"), "git::host_key_changed"),
        ("wrong passphrase", format!("{url}{locked}{known}").replace("open sesame", "shut sesame"), "git::authentication"),
        ("no key", format!("{url}{known}"), "git::authentication"),
    ] {
        let ran = run(&home, &clone(&properties), i32::from(!code.is_empty())).1;
        assert!(ran.stderr().contains(if code.is_empty() { "two" } else { code }), "{name}: {}", ran.stderr());
        assert!(!ran.stderr().contains("sesame") && !ran.stderr().contains("PRIVATE KEY"), "{name}");
    }
}

#[test]
fn tool_git_a_server_that_says_nothing_is_left_at_the_timeout() {
    let home = Home::new(&["git"]);
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/r.git", silent.local_addr().unwrap().port());
    let flow =
        format!("id: t\nnamespace: a.b\ntasks:\n  - {{id: clone, type: io.kestra.plugin.git.Clone, url: \"{url}\", timeout: PT1S}}\n");
    home.file("flow.yaml", flow);
    let (code, said) = Running::start(home.command(&["run", "flow.yaml"])).end();
    assert_eq!(code, 1, "{said}");
    let left = Command::new("pgrep").args(["-f", &url]).output().unwrap();
    assert!(left.stdout.is_empty(), "git goes on: {}", String::from_utf8_lossy(&left.stdout));
}
