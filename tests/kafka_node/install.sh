#!/usr/bin/env bash
# Brings Apache Kafka's broker into the user's cache, once, through Maven: about 45 MB of jars (all Apache-2.0, MIT or
# BSD). Needs Java 17 or later and Maven; says so where one of them is missing, and the tests on Kafka are skipped.
set -euo pipefail

HERE=$(cd "$(dirname "$0")" && pwd)
VERSION=$(sed -n 's:.*<kafka.version>\(.*\)</kafka.version>.*:\1:p' "$HERE/pom.xml")
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/patrolgrid/kafka
TARGET=$CACHE/$VERSION
if [ -d "$TARGET" ]; then
    echo "found    kafka $VERSION"
    exit 0
fi
for program in java mvn; do
    if ! command -v "$program" >/dev/null; then
        echo "Kafka is not here: there is no $program. Its tests are skipped." >&2
        exit 0
    fi
done
echo "bringing kafka $VERSION ..."
mkdir -p "$CACHE"
# Beside its place first, so that what was cut short is never taken for the whole.
work=$(mktemp -d "$CACHE/new.XXXXXX")
trap 'rm -rf "$work"' EXIT
bring() {
    mvn -B -q -C -f "$HERE/pom.xml" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DincludeScope=runtime -DoutputDirectory="$work/lib" >"$work/maven.log" 2>&1
}
if ! bring && ! bring; then # once more: a line that is cut for a moment is no reason to stop
    tail -20 "$work/maven.log" >&2
    echo "Kafka $VERSION could not be brought; its tests are skipped." >&2
    exit 0
fi
chmod 755 "$work"
mv -T "$work/lib" "$TARGET"
echo "brought  kafka $VERSION"
