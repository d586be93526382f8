#!/usr/bin/env python3
"""lint_test.py: a lint that finds nothing proves nothing, so each rule is shown a mistake and must find it.

The tree is copied once into a directory of its own; the copy is a git repository, for the lints that ask git. There
every lint must be content first. Then each row of PLANTS plants one mistake, its lint must fail with the row's words,
and the file is put back."""
import os
import shutil
import subprocess
import sys
import tempfile

# lint, file, what is planted, words that the lint must print. What is planted is
#   a text         appended to the file, which is made if it is not there
#   (old, new)     the first `old` in the file becomes `new`
#   None           the file is removed
PLANTS = [
    ("behaviour", "tests/unit/netpoll/err_test.c", "/* Z98 */\n", "Z98 is in no table"),
    ("behaviour", "tests/unit/netpoll/err_test.c", "/* K97 to K99 */\n", "K98 is in no table"),
    ("behaviour", "tests/unit/netpoll/err_test.c", 'struct row r = {"K1 Z96 name"};\n', "Z96 is in no table"),
    ("behaviour", "tests/unit/netpoll/err_test.c", "static void pl95_x(void **state)\n", "PL95 is in no table"),
    ("behaviour", "tests/BEHAVIOUR.md", "\n| Z99 | It never rains. |\n", "no test names Z99"),
    ("behaviour", "tests/BEHAVIOUR.md", "\n| K1 | Once more. |\n", "K1 has 2 rows"),
    ("behaviour", "tests/BEHAVIOUR.md", ("| K16 |", "| K 16 |"), "K16 is in no table"),
    ("layers", "proxy/proto/hello.h", '#include "proxy/conn/conn.h"\n', "of layer 14, above this file's 10"),
    ("layers", "proxy/upstream/server.c", '#include "proxy/creds/tls_cert.h"\n', "in another folder of this file's layer 11"),
    ("layers", "proxy/base/close.c", "void *np_dial_up(void);\nvoid x(void)\n{\n\tnp_dial(0);\n\tconn_end(0, 0);\n}\n",
     "conn_end is defined in proxy/conn/"),
    ("layers", "config/node.c", '#include "netpoll/netpoll.h"\n', "no gate lets it through"),
    ("layers", "proxy/base/close.c", "#include <openssl/ssl.h>\n", "lives in proxy/tls/* proxy/creds/* only"),
    ("layers", "proxy/attic/old.c", "/* old: nothing. */\n", "no row in tests/lint/layers.txt"),
    ("words", "proxy/base/close.c", "/* close_everything() does. */\n", "there is no close_everything"),
    ("words", "README.md", "\nSee proxy/base/shut.c.\n", "there is no file proxy/base/shut.c"),
    ("names", "proxy/base/close.c", "static int ulid_make(void)\n{\n\treturn 0;\n}\n", "ulid_make is defined in 2 files"),
    ("rejected", "proxy/base/close.c", "/* Rejected: nothing. */\n", "proxy/base/close.c: tells of a rejected idea"),
    ("mistakes", "proxy/conn/relay.c", "void f(void)\n{\n\tfree(malloc(1));\n}\n", "memory of the data path"),
    ("mistakes", "proxy/base/close.c", "int f(int a)\n{\n\treturn a ? 1 : a > 2 ? 3 : 4;\n}\n", "a conditional expression inside another"),
    ("mistakes", "proxy/attic/old.c", "int x;\n", "a source opens with a sentence on its job"),
    ("messages", "config/config.c", 'const char *f(void)\n{\n\treturn "it holds %s of these";\n}\n', 'no test shows "it holds %s of these"'),
    ("messages", "config/validate.c", ("is already bound", "is bound already"), "no test shows"),
    ("messages", "proxy/control/load.c", 'void f(void)\n{\n\tlog_msg(LVL_ERROR, "x", "the %d of them " "are lost", 1);\n}\n',
     'no test shows "the %d of them are lost"'),
    ("messages", "tests/flow/messages/start.txt", None, "no test shows"),
    ("size", "proxy/base/close.c", "int f(int a, int b, int c, int d, int e, int g)\n{\n\treturn 0;\n}\n", "f takes 6, over 5"),
    ("tested", "proxy/base/attic.c", "/* attic: nothing. */\n", "has no tests/unit/proxy/base/attic_test.c"),
    ("tested", "proxy/base/hello.c", "/* hello: a second one. */\n", "two sources have this name"),
]
# Planted behind git's back: every lint that reads sources says so instead of passing over the file.
UNTRACKED = [("layers", "proxy/base/attic.c", "/* attic: nothing. */\n", "proxy/base/attic.c: not tracked by git")]
# What must not be taken for a mistake: planted in the same way, and the lint stays content.
INNOCENT = [
    ("messages", "proxy/control/load.c", 'void f(void)\n{\n\tlog_msg(LVL_NOTICE, "x", "all of them are here");\n\tCHECK(true, "all of it");\n}\n'),
    ("behaviour", "tests/unit/netpoll/err_test.c", 'int Z98 = f("Z98" "E102", "Z98 text"); /* E102, 2001:DB8:: */\n'),
]


def copy_tree(to):
    names = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], check=True,
                           capture_output=True, text=True).stdout.split("\0")
    for name in filter(os.path.exists, filter(None, names)):
        os.makedirs(os.path.join(to, os.path.dirname(name)), exist_ok=True)
        shutil.copy2(name, os.path.join(to, name))
    git(to, "init", "-q")
    git(to, "add", "-A")


def git(where, *words):
    subprocess.run(["git", "-C", where, *words], check=True, capture_output=True)


def run(lint, where):
    done = subprocess.run([f"tests/lint/{lint}.py"], cwd=where, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def plant(path, what):
    """Returns the file's text before, or None if there was no file."""
    before = None
    if os.path.exists(path):
        with open(path, encoding="utf-8") as f:
            before = f.read()
    if what is None:
        os.remove(path)
        return before
    if isinstance(what, tuple):
        assert what[0] in before, f"{path} has no {what[0]!r} any more: the row needs another place"
        after = before.replace(*what, 1)
    else:
        after = (before or "") + what
    with open(path, "w", encoding="utf-8") as f:
        f.write(after)
    return before


def restore(path, before):
    if before is None:
        os.remove(path)
        return
    with open(path, "w", encoding="utf-8") as f:
        f.write(before)


def tried(where, lint, name, what, tracked=True):
    """What the lint says about the planted copy: (status, output)."""
    path = os.path.join(where, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    before = plant(path, what)
    if tracked:
        git(where, "add", "-A")
    try:
        return run(lint, where)
    finally:
        restore(path, before)
        git(where, "add", "-A")


def main():
    wrong = []
    with tempfile.TemporaryDirectory() as where:
        copy_tree(where)
        for lint in sorted({row[0] for row in PLANTS}):
            status, said = run(lint, where)
            if status != 0:
                wrong.append(f"{lint} fails before anything is planted:\n{said}")
        for lint, name, what, words in PLANTS:
            status, said = tried(where, lint, name, what)
            if status == 0 or words not in said:
                wrong.append(f"{lint} does not find {what!r} in {name}: it ends with {status} and says {said!r}")
        for lint, name, what, words in UNTRACKED:
            status, said = tried(where, lint, name, what, tracked=False)
            if status == 0 or words not in said:
                wrong.append(f"{lint} passes over {name}: it ends with {status} and says {said!r}")
        for lint, name, what in INNOCENT:
            status, said = tried(where, lint, name, what)
            if status != 0:
                wrong.append(f"{lint} takes {what!r} in {name} for a mistake: {said!r}")
    print("\n".join(wrong) if wrong else f"{len(PLANTS) + len(UNTRACKED)} mistakes planted and found, {len(INNOCENT)} innocents left alone")
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
