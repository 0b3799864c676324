#!/usr/bin/env bash
# Builds InfluxDB 2.7 from source, once, into the user's cache: no distribution packages it, and the integration tests
# need it. Takes about ten minutes on two cores; needs Go 1.23 or later, Rust's cargo, a C compiler and pkg-config.
# The server only: without its web pages.
set -euo pipefail

VERSION=v2.7.12
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/patrolgrid
TARGET=$CACHE/bin/influxd-2.7
if [ -x "$TARGET" ]; then
    echo "found    influxdb 2.7"
    exit 0
fi
for program in go cargo cc pkg-config; do
    if ! command -v "$program" >/dev/null; then
        echo "InfluxDB 2.7 is not built: there is no $program here. Its tests are skipped." >&2
        exit 0
    fi
done
echo "building InfluxDB 2.7 (once, about ten minutes) ..."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
export GOBIN=$work/bin GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
mkdir -p "$GOBIN" "$CACHE/bin"

# Flux is Rust. influxdata's own pkg-config helper has cargo build it when Go asks for the library; it must come first.
go install github.com/influxdata/pkg-config@v0.2.7

# Flux asks for an old Rust, and turns every warning of a newer one into an error: take the Rust that is there, and leave
# out the feature that makes errors of warnings.
real_cargo=$(command -v cargo)
toolchain=$(rustup show active-toolchain 2>/dev/null | cut -d' ' -f1 || true)
cat >"$GOBIN/cargo" <<SHIM
#!/usr/bin/env bash
${toolchain:+export RUSTUP_TOOLCHAIN=$toolchain}
chmod u+w flux/Cargo.toml flux-core/Cargo.toml
sed -i -e 's/^default = \["strict", "cffi"\]/default = ["cffi"]/' -e 's/^default = \["strict"\]/default = []/' \
    flux/Cargo.toml flux-core/Cargo.toml
exec $real_cargo "\$@"
SHIM
chmod +x "$GOBIN/cargo"
export PATH=$GOBIN:$PATH

# `go install ...@version` refuses modules that replace others, as this one does: build it from a module of our own that
# asks for the same.
cd "$work"
module=$(go mod download -json "github.com/influxdata/influxdb/v2@$VERSION" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
{ echo "module build"; sed -e '/^module /d' -e '/^toolchain /d' "$module"; } >go.mod
echo "require github.com/influxdata/influxdb/v2 $VERSION" >>go.mod
printf '//go:build tools\n\npackage build\n\nimport _ "github.com/influxdata/influxdb/v2/cmd/influxd"\n' >tools.go
if ! nice -n 10 go build -mod=mod -o influxd github.com/influxdata/influxdb/v2/cmd/influxd >build.log 2>&1; then
    tail -40 build.log >&2
    echo "InfluxDB 2.7 could not be built; its tests are skipped." >&2
    exit 0
fi
mv influxd "$TARGET"
echo "built    influxdb 2.7"
