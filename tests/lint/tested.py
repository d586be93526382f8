#!/usr/bin/env python3
"""tested.py: every source has its unit test by name: netpoll/timer.c has tests/unit/netpoll/timer_test.c. A part of a
noun (fd_accept.c) may be tested with the noun (fd_test.c). What moves real bytes may be tested by a flow test of that
name (tests/flow/conn_relay_test.c), and what several sources promise together stands in semantics_*_test.c. What is tested
elsewhere says where in allow.txt.
And every way a connection can end is what some flow test expects."""
import collections
import os
import re

from lint import PRODUCT, Report, code_sources, read, sources


def tests_for(path):
    folder, stem = os.path.split(path[: -len(".c")])
    words = stem.split("_")
    stems = ["_".join(words[:n]) for n in range(len(words), 0, -1)]
    return [f"tests/unit/{folder}/{s}_test.c" for s in stems] + sources(*(f"tests/flow/*_{s}_test.c" for s in stems))


def main():
    report = Report({"untested", "orphan", "unexpected", "stem"})
    for path in code_sources("c", PRODUCT):
        if not any(os.path.exists(t) for t in tests_for(path)):
            report.add("untested", path, path, f"has no {tests_for(path)[0]}")
    for path in sources(*(f"tests/unit/{folder}/**/*_test.c" for folder in PRODUCT)):
        if os.path.basename(path).startswith("semantics_"):
            continue
        source = re.sub(r"tests/unit/([\w/]+)_test\.c", r"\1", path)
        if not sources(f"{source}.c", f"{source}_*.c", f"{source}.h", f"{source}_*.S"):
            report.add("orphan", path, path, f"tests no source: there is no {source}.c")
    stems = collections.Counter(os.path.splitext(os.path.basename(p))[0] for p in code_sources("[cS]", PRODUCT))
    for stem in (s for s, n in stems.items() if n > 1):
        report.add("stem", stem, f"{stem}.c", "two sources have this name: an archive keeps one object of a name, and a backtrace shows only that")
    flows = "".join(read(path) for path in sources("tests/flow/*_test.c"))
    table, = sources("proxy/**/close_tbl.h")
    for word in re.findall(r"^\tX\(\w+, +(\w+),", read(table), re.M):
        if not re.search(rf"\b{word}\b", flows):
            report.add("unexpected", word, table, f"no flow test expects {word}")
    print(f"{len(code_sources('c', PRODUCT))} sources")
    report.close()


if __name__ == "__main__":
    main()
