#!/usr/bin/env bash
# Builds Docker's Compose from source, once, into the user's cache: `docker-compose config` checks compose.yaml without
# a Docker engine. Takes some minutes on two cores; needs Go 1.24 or later, nothing else.
set -euo pipefail

VERSION=v2.40.3
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/patrolgrid
TARGET=$CACHE/bin/docker-compose-2.40
if [ -x "$TARGET" ]; then
    echo "found    docker compose 2.40"
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Docker Compose is not built: there is no go here. The test of compose.yaml is skipped." >&2
    exit 0
fi
echo "building Docker Compose 2.40 (once, some minutes) ..."
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$CACHE/bin"

# `go install ...@version` refuses modules that replace others, as this one does: build it from a module of our own that
# asks for the same.
cd "$work"
export GOTOOLCHAIN=${GOTOOLCHAIN:-auto}
module=$(go mod download -json "github.com/docker/compose/v2@$VERSION" | sed -n 's/^\t"GoMod": "\(.*\)",$/\1/p')
{ echo "module build"; sed -e '/^module /d' -e '/^toolchain /d' "$module"; } >go.mod
echo "require github.com/docker/compose/v2 $VERSION" >>go.mod
printf '//go:build tools\n\npackage build\n\nimport _ "github.com/docker/compose/v2/cmd"\n' >tools.go
if ! CGO_ENABLED=0 nice -n 10 go build -mod=mod -trimpath -ldflags "-s -w" -o docker-compose \
    github.com/docker/compose/v2/cmd >build.log 2>&1; then
    tail -40 build.log >&2
    echo "Docker Compose could not be built; the test of compose.yaml is skipped." >&2
    exit 0
fi
mv docker-compose "$TARGET"
echo "built    docker compose 2.40"
