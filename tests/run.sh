#!/bin/sh
# run.sh DIR KIND...: run every test program DIR/tests/KIND/**/*_test, one line each, all of its output only when it
# fails. The last line is always "N passed, N failed" (", N skipped" when there were any), alone on a line; before it,
# what failed by name.
#   FILTER=pattern     only programs whose path contains it
#   TEST_SECONDS=n     a program's time limit; 240 otherwise
#   JOBS=n             programs at a time; otherwise one more than there are processors, since most of them wait
#   AGAIN=0            do not run a failed program again
# A program fails when it exits non-zero, is killed, runs out of time, or runs no test at all. What it announced but
# never finished counts as failed, so that a crash in the middle cannot hide the tests behind it.
# A program that failed beside others runs once more when all are done, alone. If it passes then, its tests count as
# passed, and its name is in the line "passed only when run again": such a program wants mending, too.
set -u
limit=${TEST_SECONDS:-240}

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

# The tests that began and were neither passed nor skipped, on one line.
failed_tests() {
	awk '
	/\[ RUN      \] / { if (name != "") list = list " " name; name = $NF }
	/\[       OK \] |\[  SKIPPED \] / { name = "" }
	/\[  FAILED  \] / { if (name != "") list = list " " name; name = "" }
	END { if (name != "") list = list " " name; print substr(list, 2) }' "$1"
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

# Runs one program, prints what is to be said of it, and leaves in $3: "passed failed skipped".
run() { # program, log, counts
	start=$(date +%s%N)
	timeout -k 5 "$limit" "$1" >"$2" 2>&1 </dev/null
	status=$?
	ms=$((($(date +%s%N) - start) / 1000000))
	counts=$(count "$2")
	p=${counts%% *} s=${counts##* } f=${counts#* }
	f=${f%% *}
	if [ $((p + f + s)) -eq 0 ]; then
		f=1
		echo "no test ran" >>"$2"
	elif [ "$status" -ne 0 ] && [ "$f" -eq 0 ]; then
		f=1
		echo "every test passed, but the program exited with status $status" >>"$2"
	fi
	echo "$p $f $s" >"$3"
	word=$(verdict "$status" "$f")
	printf '  %-40s %3d tests %3d.%03d s  %s\n' "$(label "$1")" $((p + f + s)) $((ms / 1000)) $((ms % 1000)) "$word"
	if [ "$f" -gt 0 ]; then
		sed 's/^/      | /' "$2"
	elif [ "$s" -gt 0 ]; then
		grep 'SKIPPED \] [^0-9]' "$2" | sort -u | sed 's/^/      /'
	fi
}

# One of several at a time: what it says comes out whole.
if [ "$1" = --one ]; then
	dir=$2 log=$3/$(echo "$4" | tr / _)
	said=$(run "$4" "$log" "$log.counts")
	printf '%s\n' "$said"
	exit 0
fi

dir=${1:?usage: run.sh DIR KIND...}
shift
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

for kind in "$@"; do
	for program in $(find "$dir/tests/$kind" -name "*_test" -type f -perm -u+x 2>/dev/null | LC_ALL=C sort); do
		# A binary whose source is gone is a leftover of an older tree.
		[ -f "${program#"$dir"/}.c" ] || continue
		case $program in *"${FILTER:-}"*) echo "$program" ;; esac
	done
done >"$work/programs"
xargs -P "${JOBS:-$(($(nproc) + 1))}" -n 1 "$0" --one "$dir" "$work" <"$work/programs"

passed=0 failed=0 skipped=0
while read -r program; do
	log=$work/$(echo "$program" | tr / _)
	read -r p f s <"$log.counts"
	if [ "$f" -gt 0 ] && [ "${AGAIN:-1}" -ne 0 ]; then
		[ -f "$work/again" ] || echo "again, alone:"
		names=$(failed_tests "$log")
		run "$program" "$log" "$log.counts"
		read -r p f s <"$log.counts"
		[ "$f" -gt 0 ] || echo "passed only when run again: $(label "$program") ($names)" >>"$work/summary"
		touch "$work/again"
	fi
	[ "$f" -eq 0 ] || echo "failed: $(label "$program") ($(failed_tests "$log"))" >>"$work/summary"
	passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
done <"$work/programs"
if [ ! -s "$work/programs" ]; then
	echo "no test program in $dir/tests for: $*${FILTER:+ (FILTER=$FILTER)}"
	failed=1
fi
[ ! -f "$work/summary" ] || cat "$work/summary"
if [ "$skipped" -gt 0 ]; then
	echo "$passed passed, $failed failed, $skipped skipped"
else
	echo "$passed passed, $failed failed"
fi
[ "$failed" -eq 0 ]
