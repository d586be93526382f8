#!/bin/sh
# run.sh DIR SECONDS: run each fuzzer DIR/tests/fuzz/*_fuzz for SECONDS, starting from tests/fuzz/corpus/NAME. New
# inputs are kept in DIR, so the tree stays clean; an input that crashes belongs into the corpus, with its fix.
set -u
dir=${1:?usage: run.sh DIR SECONDS}
seconds=${2:?usage: run.sh DIR SECONDS}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0

for program in "$dir"/tests/fuzz/*_fuzz; do
	name=$(basename "$program" _fuzz)
	[ -f "tests/fuzz/${name}_fuzz.c" ] || continue
	mkdir -p "$dir/corpus/$name" "tests/fuzz/corpus/$name"
	if "$program" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="$dir/crash-$name-" "$dir/corpus/$name" "tests/fuzz/corpus/$name" >"$log" 2>&1; then
		passed=$((passed + 1))
		word=ok
	else
		failed=$((failed + 1))
		word=FAILED
	fi
	runs=$(sed -n 's/^stat::number_of_executed_units: *//p' "$log")
	printf '  %-12s %10s runs in %s s  %s\n' "$name" "${runs:-?}" "$seconds" "$word"
	[ "$word" = ok ] || sed 's/^/      | /' "$log"
done
[ $((passed + failed)) -gt 0 ] || { echo "no fuzzer in $dir/tests/fuzz"; failed=1; }
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
