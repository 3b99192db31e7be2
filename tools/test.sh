#!/bin/sh
# Runs every test of a build folder: the fast ones, then the rest. tools/test.sh BUILD_DIR
# Both parts always run, a test a core, and print ctest's closing lines; the exit code is non-zero when either failed.
set -u
build="$1"
failed=0
run() { ctest --test-dir "$build" --output-on-failure --no-tests=ignore -j "${R1_TEST_JOBS:-$(nproc)}" "$@" </dev/null || failed=1; }
run -L fast
run -LE fast
exit $failed
