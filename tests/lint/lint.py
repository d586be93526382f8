"""lint.py: what the lints share: the sources, comments taken out, and the counted exceptions of allow.txt."""
import glob
import re
import sys

CODE = ("netpoll", "config", "proxy", "loadtest/gen", "loadtest/floor")


def sources(*patterns):
    """Matching files, but for what is built."""
    return sorted({p for pattern in patterns for p in glob.glob(pattern, recursive=True) if not p.startswith("build/")})


def code_lines(path):
    """The file's lines, from 1, without comments and the insides of strings."""
    with open(path, encoding="utf-8") as f:
        text = f.read()
    blank = lambda m: re.sub(r"[^\n]", " ", m[0]) if m[0][0] == "/" else '""'
    text = re.sub(r'/\*.*?\*/|//[^\n]*|"(?:\\.|[^"\\\n])*"', blank, text, flags=re.S)
    return list(enumerate(text.split("\n"), 1))


class Report:
    """Findings against the exceptions: one more than allowed is an error, and so is an exception nobody needs."""

    def __init__(self, rules):
        self.found, self.rules = {}, rules
        self.allowed = {}
        with open("tests/lint/allow.txt", encoding="utf-8") as f:
            for line in f:
                words = line.split("#")[0].split(None, 3)
                if words and words[0] in rules:
                    rule, place, count, _reason = words
                    self.allowed[rule, place] = int(count)

    def add(self, rule, place, where, what):
        self.found.setdefault((rule, place), []).append(f"{where}: {what} [{rule}]")

    def close(self):
        """Prints what is wrong and exits."""
        wrong = []
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
