#!/bin/bash
# Kills a pipeline with SIGKILL at random moments, resumes it each time, and compares the end with an uninterrupted run's:
# the digest of summary.json, and every stage's own artefacts.
#
#   tools/kill_pipeline.sh RECIPE FOLDER [KILLS] [SEED] [--set KEY=VALUE ...]
#   R1=build/release/r1 tools/kill_pipeline.sh recipes/r1-mini.toml /tmp/kills 20 1 --set threads=1 --set zero.max_steps=3
#
# FOLDER gets whole/ (never killed), cut/ (killed) and kills.log. Kills fall evenly at random over the time the whole run
# took. Exit code 0: both ends are the same; 1: they are not, or a run failed by itself; 2: usage.
set -u
if [ $# -lt 2 ]; then
  sed -n '2,9s/^# \{0,1\}//p' "$0" >&2
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

[ -e "$folder/begun" ] || touch "$folder/begun"
"$r1" run "$recipe" --out "$folder/whole" --resume "$@" > "$folder/whole.log" 2>&1 || { say "the whole run failed: $folder/whole.log"; exit 1; }
# a line a stage: when it was finished, and its name
ends=$(stat -c '%.Y %n' "$folder"/whole/stages/*/stage.json | sed 's|/stage.json$||; s| .*/| |' | sort -n)
begun=$(stat -c %.Y "$folder/begun")
say "whole run: $(echo "$ends" | awk -v a="$begun" 'END { printf "%.1f", $1 - a }') s, digest $(digest "$folder/whole")"

# Moments of the whole run's time, each as a stage, the one before it, and seconds behind its beginning: a killed stage
# begins at its last checkpoint again, so that moments counted from the start would never leave the first stages.
RANDOM=$seed
moments=$(for ((i = 0; i < kills; i++)); do echo $((RANDOM * 32768 + RANDOM)); done | sort -n |
  awk -v begun="$begun" 'NR == FNR { end[NR] = $1 - begun; name[NR] = $2; n = NR; next }
    { at = $1 / 1073741824 * end[n]; for (k = 1; end[k] < at; k++);
      printf("%s %s %.2f\n", name[k], (k > 1 ? name[k - 1] : "-"), at - (k > 1 ? end[k - 1] : 0)) }' <(echo "$ends") -)
[ -n "$moments" ] || exit 2
done_kills=0
while read -r stage before pause; do
  "$r1" run "$recipe" --out "$folder/cut" --resume "$@" >> "$folder/cut.log" 2>&1 < /dev/null &
  pid=$!
  while [ "$before" != - ] && [ ! -e "$folder/cut/stages/$before/stage.json" ] && kill -0 "$pid" 2> /dev/null; do sleep 0.05; done
  sleep "$pause"
  if kill -9 "$pid" 2> /dev/null; then
    done_kills=$((done_kills + 1))
    say "kill $done_kills: $pause s after the beginning of [$stage]"
    { wait "$pid"; } 2> /dev/null
  else
    wait "$pid"
    code=$?
    [ "$code" -eq 0 ] || { say "a resumed run failed by itself with code $code: $folder/cut.log"; exit 1; }
    say "was done before a kill in [$stage]"
  fi
done <<< "$moments"
"$r1" run "$recipe" --out "$folder/cut" --resume "$@" >> "$folder/cut.log" 2>&1 || { say "the last run failed: $folder/cut.log"; exit 1; }
say "after $done_kills kills: digest $(digest "$folder/cut")"
if [ -n "$(digest "$folder/cut")" ] && [ "$(digest "$folder/whole")" = "$(digest "$folder/cut")" ] &&
  [ "$(artefacts "$folder/whole")" = "$(artefacts "$folder/cut")" ]; then
  say "the same"
  exit 0
fi
say "NOT the same; compare $folder/whole/summary.json with $folder/cut/summary.json"
exit 1
