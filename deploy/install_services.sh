#!/usr/bin/env bash
# Installs the servers and programs that the integration tests talk to: Mosquitto, InfluxDB, Kafka (with Java, and Maven
# to bring it), Chromium, Chinese fonts, and libfaketime, which lies to a process about the time.
# Does nothing where they are there already. Uses apt-get where it is at hand; says what to install where it is not.
set -euo pipefail

locale=${PATROLGRID_LANG:-${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}}
say() { # say ENGLISH CHINESE
    if [[ $locale == zh* ]]; then echo "$2"; else echo "$1"; fi
}
missing=()
need() { # need DEBIAN_PACKAGE FOUND_COMMAND...
    local package=$1
    shift
    if "$@" >/dev/null 2>&1; then
        say "found    $package" "已有    $package"
    else
        missing+=("$package")
    fi
}
has_program() { PATH="$PATH:/usr/sbin:/usr/local/sbin" command -v "$1"; }
has_chromium() { has_program chromium || has_program chromium-browser || has_program google-chrome; }
has_chinese_font() { [ -n "$(fc-list :lang=zh-cn 2>/dev/null)" ] || dpkg -s fonts-noto-cjk; }

has_library() { /sbin/ldconfig -p | grep "$1" || dpkg -s "$2"; }

# Kafka needs Java 17; "17.0.15", or "1.8.0" for what came before 9.
has_java() { [ "$(java -version 2>&1 | sed -n 's/.* version "\([0-9]*\).*/\1/p')" -ge 17 ]; }

need faketime has_program faketime
need mosquitto has_program mosquitto
need influxdb has_program influxd
need chromium has_chromium
need fonts-noto-cjk has_chinese_font
# What PDFs are set with (WeasyPrint).
for library in libpango-1.0 libpangoft2-1.0 libharfbuzz-subset; do
    case $library in *[0-9]) package=$library-0 ;; *) package=${library}0 ;; esac
    need "$package" has_library "$library" "$package"
done
need default-jre-headless has_java
need maven has_program mvn
bring_kafka() { bash "$(dirname "$0")/../tests/kafka_node/install.sh"; }
build_compose() { bash "$(dirname "$0")/build_compose.sh"; }
build_influxdb2() { bash "$(dirname "$0")/build_influxdb2.sh"; }
if [ ${#missing[@]} -eq 0 ]; then
    bring_kafka
    build_influxdb2
    build_compose
    exit 0
fi

if ! command -v apt-get >/dev/null; then
    say "There is no apt-get here. Install these with your system's package manager: ${missing[*]}" \
        "这里没有 apt-get。请用本系统的软件包管理器安装：${missing[*]}" >&2
    exit 1
fi
as_root=()
if [ "$(id -u)" -ne 0 ]; then
    if command -v sudo >/dev/null && sudo -n true 2>/dev/null; then
        as_root=(sudo)
    else
        say "Not root. Run this, then try again:" "不是 root 用户。请执行以下命令后重试：" >&2
        echo "  sudo apt-get install --no-install-recommends ${missing[*]}" >&2
        exit 1
    fi
fi
# RUNLEVEL=1: the tests start their own Mosquitto on a free port; the package should not start one on 1883.
run() { "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -qq -o DPkg::Lock::Timeout=120 "$@"; }
say "installing ${missing[*]} ..." "正在安装 ${missing[*]} ..."
if ! run install -y --no-install-recommends "${missing[@]}" >/dev/null; then
    run update
    run install -y --no-install-recommends "${missing[@]}" >/dev/null
fi
for package in "${missing[@]}"; do
    say "installed $package" "已安装  $package"
done
bring_kafka
build_influxdb2
build_compose
