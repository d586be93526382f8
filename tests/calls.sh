#!/bin/bash
# calls.sh: which system calls does the process make? Runs the flow tests with each process of staunch under strace, and
# writes proxy/sandbox/call_tbl.h from what it did behind its capset, when its files are confined. Calls of earlier runs
# stay in build/calls, so that a run of some tests adds to the last; take a run of all of them for a release.
#   FILTER=word  the flow tests with that word in their path       JOBS=n  programs at a time
# Tests that measure time may fail under strace; their calls count all the same.
set -euo pipefail
cd "$(dirname "$0")/.."
seen=$PWD/build/calls table=proxy/sandbox/call_tbl.h

mkdir -p "$seen"
cat >"$seen/names.awk" <<'END'
{ name = $2; if (name == "<...") next; sub(/\(.*/, "", name) }
name == "capset" { confined = 1 }
confined && name ~ /^[a-z0-9_]+$/ && !(name in known) { known[name]; print name; fflush() }
END
# What is started instead of staunch: the same process by its number (-D), its calls by name, each once (-o).
cat >"$seen/staunch" <<END
#!/bin/sh
case \$1 in
run | proxy | demo)
	exec strace -D -f -qq -s 0 -e raw=all -e signal=none -o "|trap '' HUP INT TERM; awk -f $seen/names.awk >$seen/\$\$.calls" \\
		"$PWD/build/staunch" "\$@" ;;
esac
exec "$PWD/build/staunch" "\$@"
END
chmod +x "$seen/staunch"
STAUNCH=build/calls/staunch AGAIN=0 tests/run.sh build/test flow || echo "calls.sh: some tests failed, perhaps for being slow"

# What other machines and libraries add: clocks without a vDSO, the C library of Debian 13, an abort.
also=(clock_nanosleep fstat getcpu gettid gettimeofday lstat mremap nanosleep readlink sched_yield stat statx tgkill time)
# The names that a table holds, one a line.
names_of() {
	grep -o 'X([a-z0-9_]*)' "$1" | tr -d 'X()'
}

forbidden=$(names_of proxy/sandbox/forbidden_tbl.h)
{
	sed '/^#define CALL_TBL/,$d' "$table"
	printf '#define CALL_TBL(X) \\\n'
	{ cat "$seen"/*.calls && printf '%s\n' "${also[@]}"; } | LC_ALL=C sort -u | grep -vxF "$forbidden" |
		sed 's/.*/X(&)/' | paste -sd' ' | fold -s -w 100 | sed 's/^/\t/; s/ *$/ \\/; $s/ \\$//'
	printf '\n#endif\n'
} >"$seen/table.h"
mv "$seen/table.h" "$table"
echo "calls.sh: $(($(names_of "$table" | wc -l) - 1)) calls in $table"
