"""results.py: write and read the file of a run: JSON with one measurement per line."""
import json
import sys

KEPT = "loadtest/results"  # committed, one file per day
KEPT_RUNS = 390  # measurements at most, so that a kept file has at most 400 lines
DIGITS = 7  # significant digits: the shares of a latency curve have as many


def rounded(value):
    """The value with no float longer than DIGITS; a whole number loses its ".0"."""
    if isinstance(value, dict):
        return {key: rounded(item) for key, item in value.items()}
    if isinstance(value, list):
        return [rounded(item) for item in value]
    if not isinstance(value, float):
        return value
    short = float(f"{value:.{DIGITS}g}")
    return int(short) if short.is_integer() else short


def text(results):
    """The file's text: a line per fact, then a line per measurement, so that diffs are short."""
    facts = [f"{json.dumps(key)}: {json.dumps(rounded(value))}" for key, value in results.items() if key != "runs"]
    runs = ",\n".join(json.dumps(rounded(run), separators=(",", ":")) for run in results["runs"])
    return "{\n" + "".join(f"{fact},\n" for fact in facts) + f'"runs": [\n{runs}\n]\n}}\n'


def write(results, path):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text(results))


def read(path):
    """Exits with the reason when the file cannot be read or holds no run."""
    try:
        with open(path, encoding="utf-8") as f:
            results = json.load(f)
        if not isinstance(results, dict) or not results.keys() >= {"machine", "runs"}:
            raise ValueError("the file has no \"machine\" and \"runs\"")
        return results
    except (OSError, ValueError) as error:
        sys.exit(f"loadtest: {path}: {error}; name a file of {KEPT}/ or build/bench/results.json")


def kept_path(results, prefix=""):
    """Where the run is kept: the file is named by the day on which it began."""
    return f"{KEPT}/{prefix}{results['machine']['date'].split()[0]}.json"
