#!/bin/sh
# Installs the packages of tools/packages.txt that are missing: tools/install.sh [--developers]
# As root or with sudo. Does nothing, and needs neither, when all are there.
set -eu
list="$(dirname "$0")/packages.txt"
sections=build
[ "${1:-}" = "--developers" ] && sections="build developers"

if ! command -v dpkg-query >/dev/null; then
  echo "install: no dpkg here; install the equivalents of $list by hand. Going on." >&2
  exit 0
fi

packages_of() { # section
  awk -v want="[$1]" '/^#/ || /^$/ { next } /^\[/ { section = $0; next } section == want { print $1 }' "$list"
}

wanted=$(for section in $sections; do packages_of "$section"; done)
# shellcheck disable=SC2086  # a list of words
there=" $(dpkg-query -W -f '${Package}:${db:Status-Status} ' $wanted 2>/dev/null || true)"
missing=""
for package in $wanted; do
  case "$there" in *" $package:installed "*) ;; *) missing="$missing $package" ;; esac
done
[ -z "$missing" ] && exit 0

if [ "$(id -u)" = 0 ]; then
  as_root=""
elif command -v sudo >/dev/null; then
  as_root=sudo
else
  echo "install: missing packages, and neither root nor sudo to install them. As root: apt-get install$missing" >&2
  exit 1
fi
echo "install:$missing" >&2
$as_root apt-get -qq update
# shellcheck disable=SC2086  # a list of words
$as_root env DEBIAN_FRONTEND=noninteractive apt-get -qq install -y --no-install-recommends $missing >/dev/null </dev/null
