#!/bin/sh
# Builds the fuzz targets and runs each for SECONDS (default 60), one after the other: tools/fuzz.sh [SECONDS [TARGET...]]
# Needs clang++-19 and libfuzzer-19-dev. What is found lies under build/fuzz/findings; exit code 1 then. With
# R1_FUZZ_KEEP=1 the inputs that reach new code are kept in tests/fuzz/corpus, smallest first.
set -eu
cd "$(dirname "$0")/.."
seconds=${1:-60}
[ $# -gt 0 ] && shift
cmake --preset fuzz >/dev/null
targets=${*:-$(cd tests/fuzz && ls ./*_fuzz.cc | sed 's|./||; s|\.cc$||')}
# shellcheck disable=SC2086
cmake --build --preset fuzz --target fuzz_seeds $targets
seeds=build/fuzz/seeds findings=build/fuzz/findings bad=0
build/fuzz/tests/fuzz/fuzz_seeds "$seeds"
for target in $targets; do
  mkdir -p "$findings/$target" "build/fuzz/corpus/$target" "$seeds/$target"
  echo "== $target, $seconds s"
  # 1 s an input would be the aim; sanitizers on a busy machine are some ten times slower
  "build/fuzz/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 -rss_limit_mb=2048 -max_len=65536 \
    -print_final_stats=1 -artifact_prefix="$findings/$target/" "build/fuzz/corpus/$target" "$seeds/$target" \
    >"build/fuzz/$target.log" 2>&1 || bad=1
  grep -E 'stat::number_of_executed_units|SUMMARY|ERROR|internal error' "build/fuzz/$target.log" || true
  if [ "${R1_FUZZ_KEEP:-}" = 1 ]; then
    rm -rf "build/fuzz/kept/$target" && mkdir -p "build/fuzz/kept/$target"
    "build/fuzz/tests/fuzz/$target" -merge=1 -max_len=2048 "build/fuzz/kept/$target" "build/fuzz/corpus/$target" \
      "$seeds/$target" >"build/fuzz/$target.merge.log" 2>&1 || bad=1
    build/fuzz/tests/fuzz/fuzz_seeds --keep "build/fuzz/kept/$target" "tests/fuzz/corpus/$target.txt"
  fi
done
exit $bad
