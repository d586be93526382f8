#!/usr/bin/env python3
"""size.py: what is over the house's sizes, or below its share of comments and checks, unless allow.txt gives a reason. Says
the median function, the 90th percentile, and the shares."""
import re

from lint import COMMENT_OR_STRING, PRODUCT, Report, code_lines, code_sources, read, sources

FILE_LINES, FUNCTION_LINES, PARAMETERS, NESTING = 500, 60, 5, 3
AIM = 40  # lines, for nine functions in ten
COMMENTS, HEADER_COMMENTS = 13, 30  # per cent of the lines that hold anything
CHECKS_PER_1000, FOLDER_SHARE = 6, 30
CHECKS = re.compile(r"\b(?:D?CHECK|D?CHECK_\w+|OBJ_\w+)\(")
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


def comment_share(paths):
    """Per cent of the lines that hold anything which are comment and nothing else."""
    comment = total = 0
    for path in paths:
        text = read(path)
        blanked = COMMENT_OR_STRING.sub(lambda m: re.sub(r"[^\n]", "", m[0]) if m[0][0] == "/" else m[0], text)
        for line, code in zip(text.split("\n"), blanked.split("\n")):
            total += bool(line.strip())
            comment += bool(line.strip()) and not code.strip()
    return 100 * comment / total


def lines_of(paths):
    return sum(read(path).count("\n") for path in paths)


def check_shares(report):
    product, headers = code_sources("[ch]", PRODUCT), code_sources("h", PRODUCT)
    proxy = code_sources("[ch]", ("proxy",))
    checks = sum(len(CHECKS.findall(text)) for path in proxy for _, text in code_lines(path))
    total = lines_of(proxy)
    folders = {}
    for path in proxy:
        folders.setdefault(path.rsplit("/", 1)[0], []).append(path)
    largest, largest_paths = max(folders.items(), key=lambda row: lines_of(row[1]))
    shares = {
        "comments": (comment_share(product), COMMENTS, "% of lines are comments"),
        "header-comments": (comment_share(headers), HEADER_COMMENTS, "% of the lines of headers are comments"),
        "checks": (1000 * checks / total, CHECKS_PER_1000, "checks per 1,000 lines of proxy/"),
        "spread": (100 - 100 * lines_of(largest_paths) / total, 100 - FOLDER_SHARE, f"% of proxy/ lies outside its largest folder, {largest}"),
    }
    for rule, (value, least, words) in shares.items():
        print(f"{value:.1f} {words} (at least {least})")
        if value < least:
            report.add(rule, "tree", "the tree", f"{value:.1f} {words}, less than {least}")


def main():
    report = Report({"file", "function", "parameters", "nesting", "comments", "header-comments", "checks", "spread"})
    lengths = []
    for path in code_sources() + sources("tests/**/*.[ch]"):
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
    check_shares(report)
    report.close()


if __name__ == "__main__":
    main()
