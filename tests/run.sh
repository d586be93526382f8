#!/bin/sh
# run.sh DIR KIND...: run every test program DIR/tests/KIND/**/*_test, one line each, all of its output only when it
# fails. The last line is always "N passed, N failed" (", N skipped" when there were any), alone on a line.
#   FILTER=pattern     only programs whose path contains it
#   TEST_SECONDS=n     a program's time limit; 120 otherwise
# A program fails when it exits non-zero, is killed, runs out of time, or runs no test at all. What it announced but
# never finished counts as failed, so that a crash in the middle cannot hide the tests behind it.
set -u
dir=${1:?usage: run.sh DIR KIND...}
shift
limit=${TEST_SECONDS:-120}
log=$(mktemp) || exit 1
trap 'rm -f "$log"' EXIT
trap 'exit 130' INT TERM
passed=0 failed=0 skipped=0

# Reads cmocka's plain output: prints "passed failed skipped". The verdict is looked for anywhere in the line, since a
# program may have left half a line before it; the lists after a group repeat names and are ignored.
count() {
	awk '
	/\[==========\] Running [0-9]+ test/ { sub(/.*Running /, ""); planned += $1 }
	/\[ RUN      \] / { running = 1 }
	/\[       OK \] / { if (running) passed++; running = 0 }
	/\[  SKIPPED \] / { if (running) skipped++; running = 0 }
	/\[  FAILED  \] / { running = 0 }
	END { print passed + 0, planned - passed - skipped, skipped + 0 }' "$1"
}

# tests/unit/netpoll/err_test -> "unit/netpoll/err"
label() {
	name=${1#"$dir"/tests/}
	echo "${name%_test}"
}

verdict() { # status, failures
	case $1 in
	0) [ "$2" -eq 0 ] && echo ok && return ;;
	124 | 137) echo "TIME OUT" && return ;;
	129 | 13? | 14? | 15?) echo "KILLED BY SIG$(kill -l $(($1 - 128)))" && return ;;
	esac
	echo FAILED
}

run() {
	start=$(date +%s%N)
	timeout -k 5 "$limit" "$1" >"$log" 2>&1 </dev/null
	status=$?
	ms=$((($(date +%s%N) - start) / 1000000))
	counts=$(count "$log")
	p=${counts%% *} s=${counts##* } f=${counts#* }
	f=${f%% *}
	if [ $((p + f + s)) -eq 0 ]; then
		f=1
		echo "no test ran" >>"$log"
	elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "every test passed, but the program exited with status $status" >>"$log"
	fi
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
	word=$(verdict "$status" "$f")
	printf '  %-40s %3d tests %3d.%03d s  %s\n' "$(label "$1")" $((p + f + s)) $((ms / 1000)) $((ms % 1000)) "$word"
	[ "$f" -eq 0 ] && [ "$s" -eq 0 ] && return
	[ "$f" -eq 0 ] && grep 'SKIPPED \] [^0-9]' "$log" | sort -u | sed 's/^/      /' && return
	sed 's/^/      | /' "$log"
}

programs=0
for kind in "$@"; do
	for program in $(find "$dir/tests/$kind" -name "*_test" -type f -perm -u+x 2>/dev/null | LC_ALL=C sort); do
		# A binary whose source is gone is a leftover of an older tree.
		[ -f "${program#"$dir"/}.c" ] || continue
		case $program in *"${FILTER:-}"*) ;; *) continue ;; esac
		programs=$((programs + 1))
		run "$program"
	done
done
if [ "$programs" -eq 0 ]; then
	echo "no test program in $dir/tests for: $*${FILTER:+ (FILTER=$FILTER)}"
	failed=1
fi
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
