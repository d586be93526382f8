#!/usr/bin/env python3
"""rejected.py: each idea that was tried or weighed and left out is told beside the code it would have changed ("Rejected:"),
and ARCHITECTURE.md has an index of them: one row a place. This holds the one to the other."""
import re
import sys

from lint import COMMENT_OR_STRING, code_sources, read

HEADING = "## Rejected ideas"


def main():
    told = {}
    for path in code_sources("[chS]"):
        n = sum(m[0].count("Rejected:") for m in COMMENT_OR_STRING.finditer(read(path)) if m[0].startswith("/"))
        if n:
            told[path] = n
    section = read("ARCHITECTURE.md").split(HEADING)[1].split("\n## ")[0]
    rows = re.findall(r"^\| `([\w/.]+)` \| [^|]+ \|$", section, re.M)
    wrong = [f"{p}: tells of a rejected idea that {HEADING[3:]} of ARCHITECTURE.md does not list" for p in told if rows.count(p) < told[p]]
    wrong += [f"ARCHITECTURE.md: {p} has no \"Rejected:\" for this row" for p in sorted(set(rows)) if rows.count(p) > told.get(p, 0)]
    print("\n".join(wrong), end="\n" if wrong else "")
    print(f"{len(rows)} rejected ideas")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
