//! What runs in the file containers. Any POSIX shell with `tar`, `head` and `sleep` will do; `sha256sum`, `tee`, `mkfifo`, `find` and `xargs` are
//! used when they are there.

use super::{VOLUME_PATH, WORKING_DIR};

/// Waits for a marker; `trap` because a shell that is process 1 ignores the signal otherwise.
pub fn wait_for(marker: &str) -> String {
    format!("trap 'exit 143' TERM INT\nuntil [ -e {VOLUME_PATH}/{marker} ]; do sleep 0.1 2>/dev/null || sleep 1; done")
}

/// Makes the directories and ends.
pub fn make_directories(output_dir: Option<&str>) -> String {
    let output = output_dir.map(|name| format!(" '{WORKING_DIR}/{}'", name.replace('\'', "'\\''"))).unwrap_or_default();
    format!("umask 000; mkdir -p {WORKING_DIR}{output}")
}

/// Reads `$1` bytes of an archive, unpacks them, says their digest, and sets the marker once the host has agreed.
pub const UNPACK: &str = r#"
umask 000
d=/kestra/working-dir; f=/kestra/.in.$$
mkdir -p "$d" || exit 90
kind=none; sum=-
if command -v tee >/dev/null 2>&1 && command -v mkfifo >/dev/null 2>&1; then
  if command -v sha256sum >/dev/null 2>&1; then kind=sha256; counter=sha256sum
  elif command -v wc >/dev/null 2>&1; then kind=bytes; counter='wc -c'; fi
fi
if [ $kind != none ] && mkfifo $f; then
  $counter < $f > $f.sum &
  head -c "$1" | tee $f | tar -xpf - -C "$d"; s=$?
  wait
  read -r sum rest < $f.sum
  rm -f $f $f.sum
else
  kind=none
  head -c "$1" | tar -xpf - -C "$d"; s=$?
fi
[ $s = 0 ] || { echo "tar ended with exit code $s" >&2; exit 91; }
echo "unpacked $kind $sum"
read -r answer
[ "$answer" = ok ] || exit 92
: > /kestra/ready
"#;

/// Writes an archive of what matches the patterns (`find -path`), everything without any, and its digest as the last line of standard error.
pub const PACK: &str = r#"
cd /kestra/working-dir || exit 93
f=/kestra/.out.$$
pack() {
  if [ $# -gt 0 ] && command -v find >/dev/null 2>&1 && command -v xargs >/dev/null 2>&1; then
    n=$#
    for p; do set -- "$@" -o -path "$p"; done
    shift $n; shift
    find . ! -type d \( "$@" \) -print0 | xargs -0 -r tar -cf -
  else
    tar -cf - .
  fi
}
kind=none; sum=-; bytes=-
if command -v tee >/dev/null 2>&1 && command -v mkfifo >/dev/null 2>&1 && command -v wc >/dev/null 2>&1; then
  kind=bytes; counter='wc -c'
  if command -v sha256sum >/dev/null 2>&1; then kind=sha256; counter=sha256sum; fi
fi
if [ $kind != none ] && mkfifo $f $f.count; then
  $counter < $f > $f.sum &
  wc -c < $f.count > $f.bytes &
  { pack "$@"; echo $? > $f.code; } | tee $f $f.count
  wait
  read -r sum rest < $f.sum
  read -r bytes rest < $f.bytes
  read -r code < $f.code
  rm -f $f $f.count $f.sum $f.bytes $f.code
else
  kind=none
  pack "$@"; code=$?
fi
echo "packed $kind $sum $bytes $code" >&2
read -r answer
[ "$answer" = ok ] || exit 92
: > /kestra/ended
"#;
