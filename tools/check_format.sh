#!/bin/sh
# Every C++ file as clang-format-19 writes it. Skipped where that version is not installed: others differ.
set -eu
cd "$(dirname "$0")/.."
if ! command -v clang-format-19 >/dev/null; then
  echo "SKIPPED: format check (no clang-format-19; tools/install.sh --developers installs it)"
  exit 0
fi
find src tests -name '*.cc' -o -name '*.h' | xargs clang-format-19 --dry-run -Werror
echo "format check: ok"
