#!/bin/bash
# Kills a pipeline with SIGKILL at random moments, resumes it each time, and compares the end with an uninterrupted run's:
# the digest of summary.json, and every stage's own artefacts.
#
#   tools/kill_pipeline.sh RECIPE FOLDER [KILLS] [SEED] [--set KEY=VALUE ...]
#   R1=build/release/r1 tools/kill_pipeline.sh recipes/r1-mini.toml /tmp/kills 20 1 --set threads=1 --set zero.max_steps=3
#
# FOLDER gets whole/ (never killed), cut/ (killed) and kills.log. Kills fall evenly at random over the time the whole run
# took; a run that is done before its moment is counted as what it is. Exit code 0: both ends are the same; 1: they
# are not, or a run failed by itself; 2: usage.
set -u
if [ $# -lt 2 ]; then
  sed -n '2,10s/^# \{0,1\}//p' "$0" >&2
  exit 2
fi
recipe=$1 folder=$2
shift 2
kills=20 seed=1
if [[ ${1:-} =~ ^[0-9]+$ ]]; then kills=$1; shift; fi
if [[ ${1:-} =~ ^[0-9]+$ ]]; then seed=$1; shift; fi
r1=${R1:-build/release/r1}
command -v "$r1" > /dev/null || { echo "kill_pipeline: $r1: no such program; say where it is by R1=" >&2; exit 2; }
mkdir -p "$folder"
if [ -e "$folder/cut" ]; then echo "kill_pipeline: $folder/cut is there already; give a new folder" >&2; exit 2; fi
log=$folder/kills.log
say() { echo "$*" | tee -a "$log"; }
digest() { sed -n 's/^ *"digest": "\([0-9a-f]*\)".*/\1/p' "$1/summary.json"; }
artefacts() { sed -n '/"artefacts"/,/}/p' "$1"/stages/*/stage.json; }

start=$(date +%s.%N)
"$r1" run "$recipe" --out "$folder/whole" --resume "$@" > "$folder/whole.log" 2>&1 || { say "the whole run failed: $folder/whole.log"; exit 1; }
whole=$(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { print b - a }')
say "whole run: $whole s, digest $(digest "$folder/whole")"

RANDOM=$seed
pauses=$(for ((i = 0; i < kills; i++)); do echo $((RANDOM * 32768 + RANDOM)); done | sort -n |
  awk -v t="$whole" '{ at = $1 / 1073741824 * t; printf "%.2f\n", at - last; last = at }')
done_kills=0
for pause in $pauses; do
  "$r1" run "$recipe" --out "$folder/cut" --resume "$@" >> "$folder/cut.log" 2>&1 &
  pid=$!
  sleep "$pause"
  stage=$(ls -t "$folder/cut/stages" 2> /dev/null | head -1)
  if kill -9 "$pid" 2> /dev/null; then
    done_kills=$((done_kills + 1))
    say "kill $done_kills after $pause s, in [${stage:-nothing yet}]"
    wait "$pid" 2> /dev/null
  else
    wait "$pid"
    code=$?
    [ "$code" -eq 0 ] || { say "a resumed run failed by itself with code $code: $folder/cut.log"; exit 1; }
    say "was done before a kill after $pause s"
  fi
done
"$r1" run "$recipe" --out "$folder/cut" --resume "$@" >> "$folder/cut.log" 2>&1 || { say "the last run failed: $folder/cut.log"; exit 1; }
say "after $done_kills kills: digest $(digest "$folder/cut")"
if [ -n "$(digest "$folder/cut")" ] && [ "$(digest "$folder/whole")" = "$(digest "$folder/cut")" ] &&
  [ "$(artefacts "$folder/whole")" = "$(artefacts "$folder/cut")" ]; then
  say "the same"
  exit 0
fi
say "NOT the same; compare $folder/whole/summary.json with $folder/cut/summary.json"
exit 1
