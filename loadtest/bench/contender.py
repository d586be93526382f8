"""contender.py: the programs that are compared, and how each starts. Their files are in rivals/."""
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass

import machine

CONFIGS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../rivals")
PATIENCE = 10  # seconds for a program to listen
POLL = 0.02  # seconds between two looks
FRONT, FRONT_END = 2000, 9000  # each start takes the next port, away from the sockets of the last


@dataclass(frozen=True)
class Contender:
    name: str
    kind: str  # staunch, nginx, haproxy, floor, direct
    label: str
    argv: tuple  # fill() replaces @CONFIG@, @FRONT@ and @BACK@
    config: str = ""  # a file of rivals/
    reload: int = 0  # the signal that reloads it; 0: none does
    threads_end: bool = False  # its threads come and go: read the CPU time of the whole process
    log: bool = False  # access logs on
    watched: bool = False  # its metrics are fetched once a second, and top is open
    tls: bool = False  # it ends TLS: clients speak TLS to it, and it speaks plain TCP to the server


def staunch(name, config="staunch.yaml", **more):
    return Contender(name, "staunch", argv=("build/staunch", "run", "-c", "@CONFIG@"), config=config,
                     reload=signal.SIGHUP, **more)


def nginx(name, config, **more):
    return Contender(name, "nginx", argv=("nginx", "-p", "@DIR@", "-c", "@CONFIG@"), config=config,
                     reload=signal.SIGHUP, **more)


def haproxy(name, config, **more):
    return Contender(name, "haproxy", argv=("haproxy", "-W", "-f", "@CONFIG@"), config=config, reload=signal.SIGUSR2,
                     **more)


def floor(name, label, **more):
    return Contender(name, "floor", label, argv=(f"build/release/loadtest/floor/{name.replace('-', '_')}", "@FRONT@",
                                                 "@BACK@"), **more)


ALL = {c.name: c for c in (
    Contender("direct", "direct", "no proxy", argv=()),
    floor("floor-epoll", "floor: epoll"),
    floor("floor-uring", "floor: io_uring"),
    floor("floor-splice", "floor: epoll + splice"),
    floor("floor-thread", "floor: blocking threads", threads_end=True),
    floor("floor-spin", "floor: spinning"),
    staunch("staunch", label="staunch"),
    nginx("nginx", "nginx-default.conf", label="nginx, default"),
    nginx("nginx-tuned", "nginx-tuned.conf", label="nginx, tuned"),
    haproxy("haproxy", "haproxy-default.conf", label="HAProxy, default"),
    haproxy("haproxy-tuned", "haproxy-tuned.conf", label="HAProxy, tuned"),
    staunch("staunch-watched", "staunch-watched.yaml", label="staunch, watched", watched=True),
    staunch("staunch-log", label="staunch, access log", log=True),
    nginx("nginx-log", "nginx-default.conf", label="nginx, access log", log=True),
    haproxy("haproxy-log", "haproxy-default.conf", label="HAProxy, access log", log=True),
    staunch("staunch-tls", "staunch-tls.yaml", label="staunch, TLS", tls=True),
    nginx("nginx-tls", "nginx-tls.conf", label="nginx, TLS", tls=True),
    nginx("nginx-tuned-tls", "nginx-tuned-tls.conf", label="nginx, TLS, tuned", tls=True),
    haproxy("haproxy-tls", "haproxy-tls.conf", label="HAProxy, TLS", tls=True),
    haproxy("haproxy-tuned-tls", "haproxy-tuned-tls.conf", label="HAProxy, TLS, tuned", tls=True),
)}
# Whoever watches asks at the control socket: Prometheus by HTTP, and an operator by top on a terminal.
SCRAPE = "while :; do curl -s -o /dev/null --unix-socket @DIR@/control.sock http://localhost/metrics; sleep 1; done"
TOP = "TERM=xterm exec script -qfc 'build/staunch top --socket @DIR@/control.sock' /dev/null"
RIVALS = ("nginx", "nginx-tuned", "haproxy", "haproxy-tuned")


def certificate(scratch):
    """The path of the one file that all contenders read: the certificate, then its key."""
    return f"{scratch}/tls.pem"


def make_certificate(scratch):
    """An ECDSA P-256 certificate, as most sites have: its signature costs a proxy least."""
    path = certificate(scratch)
    done = subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                           "-days", "30", "-subj", "/CN=bench.test", "-addext", "subjectAltName=DNS:bench.test",
                           "-keyout", f"{path}.key", "-out", path], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        sys.exit(f"loadtest: openssl failed to make a certificate:\n{done.stderr}")
    with open(path, "a", encoding="ascii") as f:
        f.write(machine.read(f"{path}.key"))


def words(c, scratch, back, front, workers, bulk):
    return {
        "DIR": scratch, "CONFIG": f"{scratch}/{c.config}", "FRONT": str(front), "BACK": str(back),
        "WORKERS": str(workers), "CERT": certificate(scratch),
        "NGINX_BUFFER": "256k" if bulk else "16k",
        "HAPROXY_BUFFER": "65536" if bulk else "16384",
        "HAPROXY_SPLICE": "option splice-request\n\toption splice-response" if bulk else "option splice-auto",
        "STAUNCH_LOG": f"{scratch}/access.log" if c.log else "off",
        "NGINX_LOG": f"{scratch}/access.log line" if c.log else "off",
        "HAPROXY_LOG": "log stdout format raw local0" if c.log else "",
        "HAPROXY_LOG_USE": "log global\n\toption tcplog" if c.log else "",
    }


def fill(text, values):
    for key, value in values.items():
        text = text.replace(f"@{key}@", value)
    return text


class Running:
    """A contender that listens on self.port, in its own session."""
    next_front = FRONT

    def __init__(self, c, scratch, back, workers=1, bulk=False, pin=None, wrapper=(), more=None):
        """`more` are words for its configuration beside those of words()."""
        self.contender, self.port, self.process, self.watchers = c, back, None, []
        self.said = f"{scratch}/{c.name}.out"
        if not c.argv:
            return
        self.port = Running.next_front
        Running.next_front = FRONT if self.port == FRONT_END else self.port + 1
        values = {**words(c, scratch, back, self.port, workers, bulk), **(more or {})}
        if c.config:
            with open(f"{CONFIGS}/{c.config}.in", encoding="utf-8") as f, \
                    open(values["CONFIG"], "w", encoding="utf-8") as out:
                out.write(fill(f.read(), values))
        argv = [*wrapper, *(fill(word, values) for word in c.argv)]
        if pin is not None:
            argv = ["taskset", "-c", str(pin), *argv]
        with open(self.said, "w", encoding="utf-8") as out:
            self.process = machine.spawn(argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                                         start_new_session=True)
        self.await_port()
        if c.watched:
            self.watchers = [self.watcher(fill(text, values)) for text in (SCRAPE, TOP)]

    def watcher(self, command):
        with open(self.said, "a", encoding="utf-8") as out:
            return machine.spawn(["sh", "-c", command], stdin=subprocess.PIPE, stdout=out, stderr=out,
                                 start_new_session=True)

    def await_port(self):
        end = time.monotonic() + PATIENCE
        while not machine.listening(self.port):
            if self.process.poll() is not None or time.monotonic() > end:
                said = machine.read(self.said)
                self.stop()
                sys.exit(f"loadtest: {self.contender.name} does not listen on port {self.port}; it printed:\n{said}")
            time.sleep(POLL)

    def pids(self):
        return machine.session_pids(self.process.pid) if self.process else []

    def cpu(self):
        return machine.cpu_of(self.pids(), self.contender.threads_end)

    def reload(self):
        os.kill(self.process.pid, self.contender.reload)

    def stop(self):
        """Kills it at once: the measurement is done, and only our own connections end with it."""
        for process in (*self.watchers, self.process):
            if process:
                machine.kill_session(process)


def missing():
    wanted = {c.argv[0] for c in ALL.values() if c.argv} | {"wrk", "ip", "openssl", "taskset", "curl", "script"}
    return sorted(program for program in wanted if not shutil.which(program))
