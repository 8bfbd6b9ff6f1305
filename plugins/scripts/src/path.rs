//! The script file: its name, and how a command line names it.

use switchyard_plugin_api::{TargetOs, prelude::PlanContext};

/// The name depends on the content alone, so that a plan is the same each time it is made.
pub(crate) fn name(content: &str, extension: &str) -> String {
    let mut hash = 0x811c_9dc5_u32;
    for byte in content.bytes() {
        hash = (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193);
    }
    format!("kestra-script-{hash:08x}{extension}")
}

/// The file in the working directory, as the command will see it.
pub(crate) fn absolute(context: &PlanContext, name: &str) -> String {
    let directory = &context.paths.working_dir;
    let separator = if context.target_os == TargetOs::Windows { '\\' } else { '/' };
    if directory.is_empty() { name.to_owned() } else { format!("{directory}{separator}{name}") }
}

/// The path as one word of a shell's command line: as it is, if the shell reads it so.
pub(crate) fn word(path: &str, target_os: TargetOs) -> String {
    let plain = |c: char| c.is_alphanumeric() || "/._-+:@%,=".contains(c) || (c == '\\' && target_os == TargetOs::Windows);
    if path.chars().all(plain) {
        path.to_owned()
    } else if target_os == TargetOs::Windows {
        format!("\"{path}\"")
    } else {
        format!("'{}'", path.replace('\'', r"'\''"))
    }
}
