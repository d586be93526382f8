"""lint.py: what the lints share: the sources, comments taken out, definitions, and the counted exceptions of allow.txt."""
import functools
import os
import re
import subprocess
import sys

CODE = ("netpoll", "config", "proxy", "loadtest/gen", "loadtest/floor")
PRODUCT = ("netpoll", "config", "proxy")
NOT_OURS = {".git", "build", "__pycache__"}


@functools.lru_cache(maxsize=None)
def tracked():
    """Every path that git knows and that exists."""
    out = subprocess.run(["git", "ls-files", "-z"], capture_output=True, text=True, check=True).stdout
    return frozenset(p for p in out.split("\0") if p and os.path.exists(p))


@functools.lru_cache(maxsize=None)
def on_disk():
    """Every path below this folder, but for what is built."""
    found = set()
    for folder, folders, files in os.walk("."):
        folders[:] = [f for f in folders if f not in NOT_OURS]
        found |= {os.path.normpath(os.path.join(folder, f)) for f in files}
    return frozenset(found)


@functools.lru_cache(maxsize=None)
def glob_regex(pattern):
    """`*` and `?` stay within a folder, `**/` is any number of folders."""
    parts = re.split(r"(\*\*/|\*|\?|\[[^\]]*\])", pattern)
    words = {"**/": "(?:.*/)?", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(p if p.startswith("[") else words.get(p, re.escape(p)) for p in parts) + r"\Z")


def sources(*patterns):
    """The matching files. A lint that reads less or more than git has would hold rules over part of the tree: that ends it."""
    matching = lambda paths: {p for p in paths if any(glob_regex(g).match(p) for g in patterns)}
    disk, git = matching(on_disk()), matching(tracked())
    if disk != git:
        sys.exit("\n".join(f"{p}: not tracked by git, so nobody else has it: git add it, or remove it" for p in sorted(disk ^ git)))
    return sorted(git)


def code_sources(ending="[ch]", folders=CODE):
    return sources(*(f"{folder}/**/*.{ending}" for folder in folders))


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


COMMENT_OR_STRING = re.compile(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)


def code_lines(path):
    """The file's lines, from 1, without comments and the insides of strings and characters."""

    def blank(m):
        if m[0][0] == "/":
            return re.sub(r"[^\n]", " ", m[0])
        return m[0][0] * 2 if m[0][0] == '"' else "'_'"

    return list(enumerate(COMMENT_OR_STRING.sub(blank, read(path)).split("\n"), 1))


@functools.lru_cache(maxsize=None)
def functions_defined(paths):
    """[(name, path, is static)] of every C function that these files define, by Universal Ctags."""
    command = ["ctags", "-x", "--languages=C", "--kinds-C=f", "--_xformat=%{name}\t%{input}\t%{file}", *paths]
    out = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    rows = [line.split("\t") for line in out.splitlines()]
    return [(name, path, scope == "file") for name, path, scope in rows]


ALLOW = [line.split(None, 3) for line in read("tests/lint/allow.txt").splitlines() if line and not line.startswith("#")]


class Report:
    """Findings against the exceptions: one more than allowed is an error, and so is an exception nobody needs."""

    def __init__(self, rules):
        self.found, self.rules = {}, rules
        self.allowed = {}
        for rule, place, count, _reason in ALLOW:
            if rule in rules:
                self.allowed[rule, place] = int(count)

    def add(self, rule, place, where, what):
        self.found.setdefault((rule, place), []).append(f"{where}: {what} [{rule}]")

    def close(self):
        """Prints what is wrong and exits."""
        wrong = [] if ALLOW == sorted(ALLOW) else ["allow.txt: the rows are not sorted by rule and place"]
        for key, lines in sorted(self.found.items()):
            allowed = self.allowed.get(key, 0)
            if len(lines) > allowed:
                wrong += lines
                if allowed:
                    wrong.append(f"    {key[1]}: {len(lines)} of [{key[0]}], allow.txt knows {allowed}")
        for key, allowed in self.allowed.items():
            if len(self.found.get(key, [])) < allowed:
                wrong.append(f"allow.txt: {key[0]} {key[1]}: {len(self.found.get(key, []))} are left, lower the count")
        print("\n".join(wrong), end="\n" if wrong else "")
        sys.exit(1 if wrong else 0)
