#!/usr/bin/env python3
"""messages.py: what an operator reads when a file is refused or a start fails stands in a test, word by word, so that
somebody has read it once.

A sentence is a string literal of two words or more, wherever it stands: in a call, a table, a return. Each sentence of the
files below is looked for in the transcripts of tests/flow/messages; those of SAID may instead stand in a literal of a test
in C, for what no shell can bring about. A format's %s and %d stand for anything. Not looked for are the sentences of CHECK,
of printf (results) and of the log below LVL_ERROR. What no test can show has a counted row in allow.txt, with the name of
its function or table."""
import re

from lint import Report, read, sources

SHOWN = ("config/**/*.c", "netpoll/addr.c")
SAID = ("proxy/*.c", "proxy/base/owner.c", "proxy/cli/cli*.c", "proxy/control/*.c", "proxy/creds/*.c", "proxy/listen/bind*.c",
        "proxy/policy/*.c", "proxy/tls/tls_ctx*.c")
# What these print is a result, or is about connections.
OTHER = ("config/dump.c", "config/schema*.c", "config/value_put.c", "proxy/cli/cli_completion.c", "proxy/cli/cli_demo.c", "proxy/cli/cli_doctor*.c",
         "proxy/cli/cli_help.c", "proxy/cli/cli_man*.c", "proxy/cli/cli_trace.c",
         "proxy/control/ocsp*.c", "proxy/creds/tls_ocsp.c")
LITERAL = re.compile(r'"((?:\\.|[^"\\\n])*)"')
TOKEN = re.compile(r"/\*.*?\*/|//[^\n]*|'(?:\\.|[^'\\\n])+'|" + rf"{LITERAL.pattern}(?:\s*{LITERAL.pattern})*", re.S)
ESCAPE = re.compile(r"\\(.)")
SENTENCE = re.compile(r"[A-Za-z]{2}\S* (?:.* )?\S*[A-Za-z]{2}", re.S)
CONVERSION = re.compile(r"%[-+ #0]*\d*(?:\.(?:\d+|\*))?(?:hh|h|ll|l|z)?[sdiuxXcp]")
OWNER = re.compile(r"^(?:} ?|[A-Za-z])[^;={}()#]*?\b(\w+)(?:\(|\[\] = |\[\w+\] = | = )", re.M)  # a function or a table
WRAPPED = re.compile(r"\n {4,}(?![ |=]|\d+ \|)")  # where a line of a terminal ends and its paragraph does not
NEWLINE = "\n"
SKIPPED_CALL = re.compile(r"\b(?:D?CHECK\w*|_Static_assert)\(|\blog_(?:msg|limited)\((?:&\w+, )?(?!LVL_ERROR)|\b(?:printf|np_go)\(|^#include\b", re.M)


def literals(text):
    """(position, literal) of each; pieces that stand side by side are one."""
    for m in TOKEN.finditer(text):
        if m[0].startswith('"'):
            whole = "".join(p[1] for p in LITERAL.finditer(m[0]))
            yield m.start(), ESCAPE.sub(lambda e: {"n": "\n", "t": "\t"}.get(e[1], e[1]), whole)


def stands_in(corpus, sentence):
    """Is what the format can become in the text, on one line?"""
    pieces = CONVERSION.split(sentence.replace("%%", "\0"))
    pieces = [p.replace("\0", "%") for p in pieces]
    if len(pieces) == 1 or not all(p in corpus for p in pieces):
        return len(pieces) == 1 and pieces[0] in corpus
    form, longest = re.compile(".*?".join(map(re.escape, pieces))), max(pieces, key=len)
    return any(longest in line and form.search(line) for line in corpus.split("\n"))


def owner_of(text, at):
    """The function or table in which the literal stands."""
    name = "file"
    for m in OWNER.finditer(text, 0, at):
        name = m[1]
    return name


def is_skipped(text, at):
    """Is the literal an argument of a call whose words nobody reads, or that is no failure?"""
    begin = max(text.rfind(c, 0, at) for c in ";{}")
    return SKIPPED_CALL.search(text, begin + 1, at) is not None


def main():
    report = Report({"unsaid"})
    shown = "\n".join(read(path) for path in sources("tests/flow/messages/*.txt"))
    shown = WRAPPED.sub(" ", shown)
    shown += ESCAPE.sub(r"\1", shown)  # lines of the process log are JSON
    said = shown + "\n".join(s for path in sources("tests/**/*_test.c") for _, s in literals(read(path)))
    n, other = 0, sources(*OTHER)
    for path in (p for p in sources(*SHOWN, *SAID) if p not in other):
        text, corpus = read(path), shown if path in sources(*SHOWN) else said
        for at, literal in literals(text):
            if not SENTENCE.search(literal) or is_skipped(text, at):
                continue
            n += 1
            if not all(stands_in(corpus, line) for line in literal.split("\n") if SENTENCE.search(line)):
                where = f"{path}:{text.count(NEWLINE, 0, at) + 1}"
                report.add("unsaid", f"{path}:{owner_of(text, at)}", where, f'no test shows "{literal[:60]}"')
    print(f"{n} sentences, {sum(map(len, report.found.values()))} of them in no test")
    report.close()


if __name__ == "__main__":
    main()
