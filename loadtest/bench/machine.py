"""machine.py: read CPU times, memory and counters from the kernel, and run in our own network namespace.

The namespace has its own loopback: no other program takes our ports, TIME_WAIT sockets and counters
are only ours, and its routes set cubic for every socket. So no setting of the machine changes.
"""
import atexit
import os
import platform
import signal
import subprocess
import sys
import time

TICK = os.sysconf("SC_CLK_TCK")
INSIDE = "STAUNCH_LOADTEST_NETNS"
# Ports below 10000 are for listening, so an old connection never holds the port of a contender.
SYSCTLS = {
    "net/core/somaxconn": "65535",
    "net/ipv4/ip_local_port_range": "10000 65535",
    "net/ipv4/tcp_max_syn_backlog": "65535",
}
COUNTERS = {"netstat": ("ListenOverflows", "ListenDrops", "TCPTimeouts"), "snmp": ("RetransSegs",)}


def enter_namespace():
    """Runs this program again in a new network namespace, as root or where users may make one."""
    if INSIDE in os.environ:
        set_up_loopback()
        return
    flags = ["--net"] if os.geteuid() == 0 else ["--net", "--user", "--map-current-user", "--keep-caps"]
    if subprocess.run(["unshare", *flags, "true"], stderr=subprocess.DEVNULL, check=False).returncode != 0:
        sys.exit("loadtest: cannot make a network namespace: run as root, or allow user namespaces")
    os.environ[INSIDE] = "1"
    os.environ["STAUNCH_CONTROL"] = "off"  # what is measured is the relay
    os.environ["STAUNCH_STATE"] = "off"
    os.execvp("unshare", ["unshare", *flags, sys.executable, *sys.argv])


def set_up_loopback():
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    for net in ("127.0.0.0/8", "127.0.0.1"):
        subprocess.run(["ip", "route", "replace", "local", net, "dev", "lo", "table", "local", "proto", "kernel",
                        "scope", "host", "src", "127.0.0.1", "congctl", "cubic"], check=True)
    for name, value in SYSCTLS.items():
        with open(f"/proc/sys/{name}", "w", encoding="ascii") as f:
            f.write(value)


def cpus():
    """(the tools' CPU, the proxy's CPU): the first two that this process may use."""
    allowed = sorted(os.sched_getaffinity(0))
    if len(allowed) < 2:
        sys.exit("loadtest: needs two CPUs, one for the proxy and one for the load; taskset or the machine allows one")
    return allowed[0], allowed[1]


# ---- processes ----

started = []


def spawn(argv, **how):
    """Starts a process that ends with this one, together with its whole session."""
    process = subprocess.Popen(argv, **how)
    started.append(process)
    return process


def kill_session(process):
    for pid in {process.pid, *session_pids(process.pid)}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue
    process.wait()


@atexit.register
def kill_started():
    for process in started:
        if process.poll() is None:
            kill_session(process)


def read(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def session_pids(leader):
    """Every process of the session of `leader`: a master and its workers, old and new."""
    found = []
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            if int(read(f"/proc/{name}/stat").rsplit(")", 1)[1].split()[3]) == leader:
                found.append(int(name))
        except (OSError, IndexError):
            continue
    return found


def parse_schedstat(text):
    """Nanoseconds on a CPU: the first of three fields."""
    return int(text.split()[0])


def parse_stat_cpu(text):
    """Nanoseconds on a CPU of a process with its ended threads, to a tick: utime + stime."""
    fields = text.rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) * 1_000_000_000 // TICK


def thread_cpu(pid):
    """{thread: ns} of the living threads, exact. /proc/PID/schedstat is the main thread's alone."""
    found = {}
    try:
        for tid in os.listdir(f"/proc/{pid}/task"):
            found[int(tid)] = parse_schedstat(read(f"/proc/{pid}/task/{tid}/schedstat"))
    except OSError:
        pass
    return found


def cpu_of(pids, threads_end=False):
    """Nanoseconds of all processes. With threads_end it reads the totals of the processes, which
    count ended threads but only whole ticks."""
    total = 0
    for pid in pids:
        try:
            total += parse_stat_cpu(read(f"/proc/{pid}/stat")) if threads_end else sum(thread_cpu(pid).values())
        except OSError:
            continue
    return total


def parse_rollup(text, key="Private_Dirty"):
    return next(int(line.split()[1]) for line in text.splitlines() if line.startswith(key + ":")) * 1024


def private_dirty(pids):
    return sum(parse_rollup(read(f"/proc/{pid}/smaps_rollup")) for pid in pids)


def registered(pids):
    """How many descriptors each epoll instance of these processes watches: {(pid, fd): count}."""
    found = {}
    for pid in pids:
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{fd}") == "anon_inode:[eventpoll]":
                    found[pid, int(fd)] = read(f"/proc/{pid}/fdinfo/{fd}").count("tfd:")
            except OSError:
                continue
    return found


# ---- the whole machine ----

def parse_busy(text):
    """(busy, stolen) ns of all CPUs from /proc/stat. Busy includes the kernel's threads."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(int, text.split("\n", 1)[0].split()[1:9])
    return tuple(ticks * 1_000_000_000 // TICK for ticks in (user + nice + system + irq + softirq, steal))


def busy():
    return parse_busy(read("/proc/stat"))


def counters():
    """Drops and retransmits of our network namespace. A drop makes the run's figures wrong."""
    found = {}
    for name, wanted in COUNTERS.items():
        lines = read(f"/proc/net/{name}").splitlines()
        for head, values in zip(lines[::2], lines[1::2]):
            for key, value in zip(head.split()[1:], values.split()[1:]):
                if key in wanted:
                    found[key] = int(value)
    return found


def slab():
    return next(int(line.split()[1]) for line in read("/proc/meminfo").splitlines() if line.startswith("Slab:")) * 1024


def listening(port):
    """Whether the kernel lists a listener on the port. A trial connection would count as one."""
    rows = (line.split() for line in read("/proc/net/tcp").splitlines()[1:])
    return any(row[1].endswith(f":{port:04X}") and row[3] == "0A" for row in rows)


def first_line(*argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).strip().split("\n")[0]


def describe():
    model = next((line.split(":", 1)[1].strip() for line in read("/proc/cpuinfo").splitlines()
                  if line.startswith("model name")), platform.machine())
    memory = next(line.split()[1] for line in read("/proc/meminfo").splitlines() if line.startswith("MemTotal"))
    return {
        "date": time.strftime("%Y-%m-%d %H:%M:%S %z"),
        "cpu": model,
        "cpus": os.cpu_count(),
        "memory_gib": round(int(memory) / 1024 / 1024, 1),
        "kernel": platform.release(),
        "congestion_control": "cubic on all sockets (by route, in a network namespace)",
        "versions": {
            "staunch": first_line("build/staunch", "version"),
            "nginx": first_line("nginx", "-v").replace("nginx version: ", ""),
            "openssl": first_line("openssl", "version").split(" (")[0],
            "haproxy": first_line("haproxy", "-v").split(" 20")[0],
            "wrk": first_line("wrk", "-v").split(" Copyright")[0],
        },
    }
