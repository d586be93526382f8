#!/usr/bin/env python3
"""behaviour.py [--list]: every id that a test names (B21, PL3) stands in a table of tests/BEHAVIOUR.md, and every id of
these tables is named by a test. --list prints each id with the tests that name it.

An id is one capital letter, or a pair of letters that the tables use, and one or two digits. A test names it
  - in a comment, alone or as a range: "K9", "N28 to N30";
  - at the start of the first string of a row or a macro, its name: {"K9 K10 a name", ...}, ROW("D18", ...);
  - at the start of a test function's name: b4_the_client_half_closes(void **state);
  - in a comment of a test of what is deployed (deploy/*-test.sh).
Anywhere else such a word is the test's own business. A false friend gets a counted row in allow.txt."""
import re
import sys

from lint import Report, sources

BEHAVIOUR = "tests/BEHAVIOUR.md"
ROW = re.compile(r"^\| ([A-Z]{1,2}\d{1,2}) \| (.*) \|$", re.M)
TOKEN = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', re.S)
BEFORE_NAME = re.compile(r"(\{|\b[A-Z][A-Z0-9_]*\()\s*$")


class Reader:
    """Finds ids in a test's text; which pairs of letters begin one, the tables say."""

    def __init__(self, known):
        pairs = sorted({m[0] for m in (re.match(r"[A-Z]{2}", i) for i in known) if m})
        one = "(?:" + "|".join(pairs + ["[A-Z]"]) + r")\d{1,2}"
        self.word = re.compile(rf"\b{one}\b")
        self.range = re.compile(rf"\b({one}) to ({one})\b")
        self.row = re.compile(rf'"((?:{one} )*{one})[ "]')
        self.function = re.compile(rf"\bvoid ((?:{one}_)+)\w*\(void \*\*state\)", re.I)

    def ids(self, text):
        """(position, id) of each, in comments, names of rows and names of test functions."""
        for m in TOKEN.finditer(text):
            if m[0][0] == "/":
                yield from ((m.start() + w.start(), w[0]) for w in self.word.finditer(m[0]))
                yield from ((m.start() + r.start(), i) for r in self.range.finditer(m[0]) for i in expand(*r.groups()))
            elif BEFORE_NAME.search(text, max(0, m.start() - 80), m.start()) and (row := self.row.match(m[0])):
                yield from ((m.start(), i) for i in row[1].split())
        for m in self.function.finditer(text):
            yield from ((m.start(), i.upper()) for i in m[1].strip("_").split("_"))


def expand(first, last):
    letters = first.rstrip("0123456789")
    if letters != last.rstrip("0123456789"):
        return []
    return [f"{letters}{n}" for n in range(int(first[len(letters):]), int(last[len(letters):]) + 1)]


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def order(name):
    letters = name.rstrip("0123456789")
    return letters, int(name[len(letters):])


def main():
    report = Report({"unknown-id", "unnamed-id"})
    page = read(BEHAVIOUR)
    known, named = [m[1] for m in ROW.finditer(page)], {}
    reader = Reader(known)
    for path in sources("tests/**/*.[ch]"):
        text = read(path)
        for at, name in reader.ids(text):
            named.setdefault(name, set()).add(path)
            if name not in known:
                line = text.count("\n", 0, at) + 1
                report.add("unknown-id", path, f"{path}:{line}", f"{name} is in no table of {BEHAVIOUR}")
    for path in sources("deploy/*-test.sh"):
        for comment in re.findall(r"^# .*", read(path), re.M):
            for w in reader.word.finditer(comment):
                named.setdefault(w[0], set()).add(path)
    for name in sorted(set(known), key=order):
        if known.count(name) > 1:
            report.add("unnamed-id", name, BEHAVIOUR, f"{name} has {known.count(name)} rows")
        if name not in named:
            report.add("unnamed-id", name, BEHAVIOUR, f"no test names {name}")
    if sys.argv[1:] == ["--list"]:
        for name in sorted(named, key=order):
            print(name, *sorted(named[name]))
        return
    if not report.found:
        files = set().union(*named.values()) if named else set()
        print(f"{len(known)} ids, named in {len(files)} files of tests")
    report.close()


if __name__ == "__main__":
    main()
