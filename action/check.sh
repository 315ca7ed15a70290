#!/usr/bin/env bash
# The one step of the action that has a shell. What users choose comes as variables, never as code.
set -euo pipefail

reports=${INPUT_REPORTS:-$RUNNER_TEMP/mlregress-reports}
mkdir -p "$reports"
reports=$(cd "$reports" && pwd)
echo "reports=$reports" >> "$GITHUB_OUTPUT"

if [ -n "$INPUT_AGAINST" ] && [ "$(git rev-parse --is-shallow-repository)" = true ]; then
    echo "::error title=mlregress::the history is cut off, so that the base is not there; give actions/checkout fetch-depth: 0"
    exit 4
fi

arguments=(-m mlregress -n "$INPUT_WORKERS" "--mlregress-cache=$RUNNER_TEMP/mlregress-seeds")
[ -z "$INPUT_AGAINST" ] || arguments+=("--mlregress-against=$INPUT_AGAINST")
[ -z "$INPUT_TIER" ] || arguments+=("--mlregress-tier=$INPUT_TIER")
for kind in md html json; do
    arguments+=("--mlregress-report=$reports/mlregress.$kind")
done
while IFS= read -r line; do
    [ -z "$line" ] || arguments+=("$line")
done <<< "$INPUT_ARGUMENTS"

rm -f "$reports/mlregress.md"
status=0
"$INPUT_PYTHON" -m pytest "${arguments[@]}" || status=$?
if [ -f "$reports/mlregress.md" ]; then
    echo "report=$reports/mlregress.md" >> "$GITHUB_OUTPUT"
    # A heading of one line, in which nothing is a command of the runner.
    echo "verdict=$(head -n 1 "$reports/mlregress.md" | sed 's/^## //')" >> "$GITHUB_OUTPUT"
fi
exit "$status"
