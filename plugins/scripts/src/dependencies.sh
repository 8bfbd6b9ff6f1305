# Brings the Python packages that a task asks for. Read by the shell of the task before its own commands.
# KEY, CACHE, MANAGER, VERSION, INSTALL_UV, UV_VERSION, UV_SHA256 and REQUIREMENTS are set above.

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
if [ "$MANAGER" = UV ]; then kestra_uv; fi

kestra_found=$("$KESTRA_PYTHON" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
case "$kestra_found" in
  "$VERSION"|"$VERSION".*) ;;
  *)
    if [ -n "$VERSION" ]; then
      [ -n "$uv" ] || kestra_fail "Python $VERSION is asked for, $kestra_found is here, and there is no uv to bring another one"
      KESTRA_PYTHON=$("$uv" python find "$VERSION" 2>/dev/null) || {
        "$uv" python install --quiet "$VERSION" >&2 || kestra_fail "Python $VERSION cannot be installed"
        KESTRA_PYTHON=$("$uv" python find "$VERSION") || kestra_fail "Python $VERSION cannot be found"
      }
      kestra_found=$("$KESTRA_PYTHON" -c 'import sys; print("%d.%d.%d" % sys.version_info[:3])')
    fi ;;
esac
export KESTRA_PYTHON

if [ -s "$REQUIREMENTS" ]; then
  kestra_lib="$kestra_cache/${kestra_found%.*}-$KEY"
  if [ ! -d "$kestra_lib" ]; then
    if [ -n "$uv" ]; then
      "$uv" pip install --quiet --python "$KESTRA_PYTHON" --target "$kestra_lib.$$" -r "$REQUIREMENTS" >&2
    else
      "$KESTRA_PYTHON" -m pip install --quiet --target "$kestra_lib.$$" -r "$REQUIREMENTS" >&2
    fi || { rm -rf "$kestra_lib.$$"; kestra_fail "the packages cannot be installed: $(tr '\n' ' ' < "$REQUIREMENTS")"; }
    if [ -d "$kestra_lib" ]; then rm -rf "$kestra_lib.$$"; else mv "$kestra_lib.$$" "$kestra_lib"; fi
  fi
  export PYTHONPATH="$kestra_lib"
fi
