# Brings the Python packages that a task asks for. Read by the shell of the task before its own commands.
# KEY, CACHE, MANAGER, VERSION, INSTALL_UV, UV_VERSION, UV_SHA256 and REQUIREMENTS are set above; ARCHIVE_FOUND and ARCHIVE_MADE too, empty
# where nothing is kept in archives.

kestra_fail() { echo "dependencies: $*" >&2; exit 1; }

kestra_uv() {
  for uv in "${UV_PATH:-}" "${HOME:-/nonexistent}/.local/bin/uv" "$(command -v uv)" "$kestra_cache/uv-$UV_VERSION/bin/uv"; do
    if [ -n "$uv" ] && [ -x "$uv" ]; then return 0; fi
  done
  uv=
  [ "$INSTALL_UV" = true ] || return 0
  set -- "$("$KESTRA_PYTHON" -c 'import sys; print(sys.executable)')" "$kestra_cache/uv-$UV_VERSION"
  printf 'uv==%s%s\n' "$UV_VERSION" "${UV_SHA256:+ --hash=sha256:$UV_SHA256}" > "$kestra_cache/uv.$$"
  if "$1" -m pip install --quiet --no-deps --target "$2.$$" -r "$kestra_cache/uv.$$" >&2; then
    [ -d "$2" ] || mv "$2.$$" "$2"
    uv="$2/bin/uv"
  elif [ -n "$UV_SHA256" ]; then
    kestra_fail "uv $UV_VERSION with the checksum $UV_SHA256 cannot be installed"
  else
    echo "dependencies: uv cannot be installed, going on with pip" >&2
  fi
  rm -rf "$2.$$" "$kestra_cache/uv.$$"
}

if [ -n "$VERSION" ]; then KESTRA_PYTHON=$(command -v "python$VERSION" || command -v python3 || command -v python || true)
else KESTRA_PYTHON=$(command -v python3 || command -v python || true); fi
[ -n "$KESTRA_PYTHON" ] || kestra_fail "there is no Python here"

if [ "$CACHE" = true ]; then kestra_cache="${XDG_CACHE_HOME:-${HOME:-/tmp}/.cache}/switchyard/python"
else kestra_cache="$PWD/.kestra_additional_python_lib"; fi
# The user of a container may have no home that it can write to.
if ! mkdir -p "$kestra_cache" 2>/dev/null || ! [ -w "$kestra_cache" ]; then
  kestra_cache="${TMPDIR:-/tmp}/kestra-python-$(id -u)"
  mkdir -p "$kestra_cache" || kestra_fail "the folder $kestra_cache cannot be made"
fi

uv=
kestra_bring_uv() { if [ "$MANAGER" = UV ] && [ -z "$uv" ]; then kestra_uv; fi; }

# What packages depend on besides their names: SOABI names interpreter, version, processor and C library.
kestra_meet() {
  kestra_found=$("$KESTRA_PYTHON" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
  kestra_lib="$kestra_cache/${kestra_found%.*}-$KEY"
}
kestra_tag() { "$KESTRA_PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("SOABI") or sysconfig.get_platform())'; }

kestra_meet
case "$kestra_found" in
  "$VERSION"|"$VERSION".*) ;;
  *)
    if [ -n "$VERSION" ]; then
      kestra_bring_uv
      [ -n "$uv" ] || kestra_fail "Python $VERSION is asked for, $kestra_found is here, and there is no uv to bring another one"
      KESTRA_PYTHON=$("$uv" python find "$VERSION" 2>/dev/null) || {
        "$uv" python install --quiet "$VERSION" >&2 || kestra_fail "Python $VERSION cannot be installed"
        KESTRA_PYTHON=$("$uv" python find "$VERSION") || kestra_fail "Python $VERSION cannot be found"
      }
      kestra_meet
    fi ;;
esac
export KESTRA_PYTHON

# Fails when the archive is damaged or was made for another interpreter: the packages are installed anew then.
kestra_unpack() {
  [ -n "$ARCHIVE_FOUND" ] && [ -f "$ARCHIVE_FOUND" ] || return 1
  "$KESTRA_PYTHON" - "$ARCHIVE_FOUND" "$kestra_lib.$$" "$(kestra_tag)" <<'PYTHON' 2>/dev/null || { rm -rf "$kestra_lib.$$"; return 1; }
import sys, tarfile
found, place, tag = sys.argv[1:]
with tarfile.open(found) as archive:
    if archive.next().name != tag: sys.exit(1)
    archive.extractall(place, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
PYTHON
  mv "$kestra_lib.$$/$(kestra_tag)" "$kestra_lib" && rmdir "$kestra_lib.$$"
}

kestra_pack() {
  [ -n "$ARCHIVE_MADE" ] || return 0
  mkdir -p "${ARCHIVE_MADE%/*}"
  "$KESTRA_PYTHON" - "$ARCHIVE_MADE" "$kestra_lib" "$(kestra_tag)" <<'PYTHON' || { rm -f "$ARCHIVE_MADE"; echo "dependencies: the packages are not kept for later runs" >&2; }
import sys, tarfile
made, library, tag = sys.argv[1:]
with tarfile.open(made, "w:gz", compresslevel=3) as archive: archive.add(library, arcname=tag)
PYTHON
}

if [ -s "$REQUIREMENTS" ]; then
  if [ ! -d "$kestra_lib" ] && ! kestra_unpack; then
    kestra_bring_uv
    if [ -n "$uv" ]; then
      "$uv" pip install --quiet --python "$KESTRA_PYTHON" --target "$kestra_lib.$$" -r "$REQUIREMENTS" >&2
    else
      "$KESTRA_PYTHON" -m pip install --quiet --target "$kestra_lib.$$" -r "$REQUIREMENTS" >&2
    fi || { rm -rf "$kestra_lib.$$"; kestra_fail "the packages cannot be installed: $(tr '\n' ' ' < "$REQUIREMENTS")"; }
    if [ -d "$kestra_lib" ]; then rm -rf "$kestra_lib.$$"; else mv "$kestra_lib.$$" "$kestra_lib"; fi
    kestra_pack
  fi
  export PYTHONPATH="$kestra_lib"
fi
