#!/usr/bin/env python3
"""size.py: what is over the house's sizes, unless allow.txt gives a reason. Says the median and the 90th percentile."""
import re

from lint import CODE, Report, code_lines, sources

FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING = 500, 60, 5, 3
AIM = 40  # lines, for nine functions in ten
CONTROL = re.compile(r"(\t+)(?:\} )?(?:if|for|while|do|switch|list_for_each\w*)\b")
HEAD = re.compile(r"\b(\w+)\((.*)\)$", re.S)


def functions(lines):
    """(name, parameters, first line, last line, deepest nesting) of each function laid out as the house does."""
    head, start, deepest = [], None, 0
    for number, text in lines:
        if start is not None:
            m = CONTROL.match(text)
            deepest = max(deepest, len(m[1]) if m else 0)
            if text.startswith("}"):
                if name:
                    yield name[1], count_parameters(name[2]), start, number, deepest
                head, start, deepest = [], None, 0
        elif text == "{":
            name, start = HEAD.search("".join(head)), number
        elif text.startswith(("#", "}")) or text.rstrip().endswith((";", "}")) or not text.strip():
            head = []
        else:
            head.append(text.rstrip())


def count_parameters(text):
    while re.search(r"\([^()]*\)", text):
        text = re.sub(r"\([^()]*\)", "", text)
    return 0 if text.strip() in ("", "void") else text.count(",") + 1


def main():
    report = Report({"file", "function", "parameters", "nesting"})
    lengths = []
    for path in sources(*(f"{folder}/*.[ch]" for folder in CODE), "tests/kit/*.[ch]", "tests/*/*_test.c",
                        "tests/unit/*/*.c"):
        lines = code_lines(path)
        if len(lines) - 1 > FILE_LINES:
            report.add("file", path, path, f"{len(lines) - 1} lines, over {FILE_LINES}")
        for name, parameters, start, end, deepest in functions(lines):
            place, where = f"{path}:{name}", f"{path}:{start}"
            lengths.append(end - start - 1)
            if lengths[-1] > FUNCTION_LINES:
                report.add("function", place, where, f"{name} has {lengths[-1]} lines, over {FUNCTION_LINES}")
            if parameters > PARAMETERS:
                report.add("parameters", place, where, f"{name} takes {parameters}, over {PARAMETERS}")
            if deepest > NESTING:
                report.add("nesting", place, where, f"{name} nests {deepest} deep, over {NESTING}")
    lengths.sort()
    if lengths:
        p50, p90 = lengths[len(lengths) // 2], lengths[len(lengths) * 9 // 10]
        print(f"{len(lengths)} functions: median {p50} lines, nine in ten within {p90} (aim {AIM})")
    report.close()


if __name__ == "__main__":
    main()
