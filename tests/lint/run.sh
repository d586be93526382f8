#!/bin/sh
# run.sh: every lint, each to its end; a line per lint, what it found below it. Exits 1 when one found something.
set -u
failed=0

lint() {
	name=$1
	shift
	if out=$("$@" 2>&1); then
		echo "  ok      $name${out:+: $out}"
	else
		failed=1
		echo "  FAILED  $name"
		echo "$out" | sed 's/^/      /'
	fi
}

lint layers tests/lint/layers.py
lint words tests/lint/words.py
lint names tests/lint/names.py
lint "rejected ideas" tests/lint/rejected.py
lint mistakes tests/lint/mistakes.py
lint sizes tests/lint/size.py
lint "tests by name" tests/lint/tested.py
lint behaviour tests/lint/behaviour.py
lint messages tests/lint/messages.py
lint "the lints themselves" tests/lint/lint_test.py
lint layout tests/lint/fmt.py fmt-check
lint scripts shellcheck tests/*.sh tests/*/*.sh deploy/*.sh deploy/*/*.sh .ci/run
lint cppcheck cppcheck --quiet --std=c11 --error-exitcode=1 --inline-suppr -I . -DNP_DEBUG -DNP_HOOKS -D_GNU_SOURCE \
	--suppressions-list=tests/lint/cppcheck.txt --enable=warning,portability -j 2 netpoll config proxy
lint hardening tests/lint/hardening.sh build/staunch
exit $failed
