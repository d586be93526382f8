#!/usr/bin/env python3
"""tls_gen.py VERB at=ADDRESS:PORT name=value...: the TLS clients of the load test. They talk to the
driver with gen's protocol (gen/gen.h).

    connect   makes TLS 1.3 connections for ms= milliseconds after warm=, conns= at a time: handshake,
              request, answer, close_notify from both sides. resume=1: each resumes the session of the
              one before it; resume=0: each handshake is full
    storm     makes rate= full handshakes a second, each with request and end, and times each
              handshake from when it was due. Meanwhile storm= other clients never finish their
              handshakes; the verb replaces the oldest fresh= times a second. These come from
              sources= addresses: a third sends nothing, a third half a ClientHello, a third a whole one
    hold      holds idle connections and obeys standard input: open N, exchange BYTES. version=12 is
              TLS 1.2, version=13 TLS 1.3, which is also the default

wrk cannot do this: with `Connection: close` it resumes whenever it has a ticket, and does not say so.
Here a handshake that resumed against the plan is an error, and so is a full one in place of a resumed
one, and an end without close_notify. This client costs more CPU than a proxy, but it has another CPU,
and only the proxy's CPU time is measured.
"""
import json
import resource
import selectors
import socket
import ssl
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n"
SETTLE = 2  # seconds the proxy gets to accept the clients of a storm
IGNORE_UNEXPECTED_EOF = 0x80  # SSL_OP_IGNORE_UNEXPECTED_EOF, which not every build of Python names
TENTHS = 41  # points of a curve, ten for each nine
VERSIONS = {12: ssl.TLSVersion.TLSv1_2, 13: ssl.TLSVersion.TLSv1_3}


class Failed(Exception):
    """A connection did not do what the verb expects."""


def client_context(version=13):
    """A context that verifies no chain: that is the client's work, and the same for all proxies."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    # Debian's Python sets it, and then an end without close_notify is no error.
    context.options &= ~IGNORE_UNEXPECTED_EOF
    return context


def curve(latencies):
    """[[share, latency]], ten points for each nine, as far as there are enough latencies."""
    ordered = sorted(latencies)
    shares = (1 - 10 ** (-tenth / 10) for tenth in range(TENTHS) if 10 ** (tenth / 10) <= len(ordered))
    return [[round(share, 7), ordered[int(share * len(ordered))]] for share in shares]


# ---- connect ----

def retried(step):
    """Repeats the step until the peer has sent what it needs. Writes are short and never wait."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            yield


class Churn:
    """Several lanes, each making one connection after the other. A lane is a generator that yields
    when it must wait. A connection counts when it ends within the window: those under way at the
    window's start balance those at its end."""

    def __init__(self, at, conns, resume, ms, warm):
        self.at, self.resume, self.context = at, bool(resume), client_context()
        self.start = time.monotonic() + warm / 1e3
        self.end = self.start + ms / 1e3
        self.latencies, self.failures = [], {}  # us; {why: times}, also during the warm-up
        self.selector = selectors.DefaultSelector()
        self.lanes = [self.lane() for _ in range(conns)]

    def lane(self):
        newest = None
        while (began := time.monotonic()) < self.end:
            offered = newest
            try:
                newest = yield from self.connection(offered)
            except (OSError, Failed) as failure:
                self.failures[str(failure)] = self.failures.get(str(failure), 0) + 1
                newest = None
                continue
            now = time.monotonic()
            if self.start <= now < self.end and (offered or not self.resume):
                self.latencies.append((now - began) * 1e6)

    def connection(self, session):
        """Makes one connection. Returns the session to resume next, or None."""
        with socket.create_connection(self.at) as plain:
            plain.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            plain.setblocking(False)
            with self.context.wrap_socket(plain, do_handshake_on_connect=False, suppress_ragged_eofs=False,
                                          server_hostname="bench.test", session=session) as peer:
                self.selector.register(peer, selectors.EVENT_READ, self.current)
                try:
                    return (yield from self.exchange(peer, session))
                finally:
                    self.selector.unregister(peer)

    def exchange(self, peer, session):
        yield from retried(peer.do_handshake)
        self.shaken()
        if peer.session_reused != (session is not None):
            raise Failed("not resumed" if session else "resumed unasked")
        peer.send(REQUEST)
        got = b""
        while chunk := (yield from retried(lambda: peer.recv(4096))):
            got += chunk
        if not got.startswith(b"HTTP/1.1 200 "):
            raise Failed("no answer")
        newest = peer.session if self.resume else None
        if self.resume and not (newest and newest.has_ticket):
            raise Failed("no ticket")
        yield from retried(peer.unwrap)
        return newest

    def shaken(self):
        """Called when the handshake of the current lane is done."""

    def turn(self, lane):
        self.current = lane
        next(lane, None)

    def run_until(self, end):
        while (now := time.monotonic()) < end:
            for key, _ in self.selector.select(end - now):
                self.turn(key.data)

    def run(self):
        for lane in self.lanes:
            self.turn(lane)
        self.run_until(self.start)
        print("begin", flush=True)
        self.run_until(self.end)
        seconds = time.monotonic() - self.start
        for failure, times in self.failures.items():
            print(f"tls_gen: {times} times: {failure}", file=sys.stderr)
        latency = {"curve": curve(self.latencies), "max": max(self.latencies, default=0)}
        print(json.dumps({"unit": "connections", "units": len(self.latencies), "seconds": seconds,
                          "errors": sum(self.failures.values()), "latency": latency}), flush=True)
        sys.stdin.read()


def connect(at, conns=16, resume=0, ms=1000, warm=200):
    Churn(at, conns, resume, ms, warm).run()


# ---- storm ----

def client_hello():
    """A whole ClientHello: what a client sends before it waits for the server."""
    said = ssl.MemoryBIO()
    try:
        client_context().wrap_bio(ssl.MemoryBIO(), said, server_hostname="bench.test").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return said.read()


class Unfinished:
    """The clients that never finish their handshakes."""

    def __init__(self, at, count, sources):
        hello = client_hello()
        self.at, self.sources, self.turn = at, sources, 0
        self.said = b"", hello[:len(hello) // 2], hello
        self.peers = [self.one() for _ in range(count)]

    def one(self):
        number = self.turn % self.sources
        self.turn += 1
        peer = socket.socket()
        peer.bind((f"127.1.{number // 250}.{1 + number % 250}", 0))
        peer.setblocking(False)  # a full backlog must not delay the timed handshakes
        peer.connect_ex(self.at)
        try:
            peer.send(self.said[self.turn % len(self.said)])
        except BlockingIOError:
            pass  # not connected yet: this client sends nothing
        return peer

    def replace_oldest(self):
        at = self.turn % len(self.peers)
        self.peers[at].close()
        self.peers[at] = self.one()


class Storm(Churn):
    """One lane per handshake, begun when it is due. One loop runs both kinds of clients: two
    processes on one CPU would wait for each other's turns, and the wait would count as the
    proxy's."""

    def __init__(self, at, unfinished, rate, fresh, ms, warm):
        super().__init__(at, 0, 0, ms, warm)
        self.unfinished, self.due = unfinished, {}  # {lane: since when}
        began = time.monotonic()
        self.clocks = [[began, 1 / rate, self.begin_one]]  # [due next, seconds between, function]
        if unfinished.peers and fresh:
            self.clocks.append([began, 1 / fresh, lambda _: unfinished.replace_oldest()])

    def begin_one(self, due):
        lane = self.lane_once()
        self.due[lane] = due
        self.turn(lane)

    def lane_once(self):
        try:
            yield from self.connection(None)
        except (OSError, Failed) as failure:
            self.failures[str(failure)] = self.failures.get(str(failure), 0) + 1
        del self.due[self.current]

    def shaken(self):
        now = time.monotonic()
        if self.start <= now < self.end:
            self.latencies.append((now - self.due[self.current]) * 1e6)

    def run_until(self, end):
        while (now := time.monotonic()) < end:
            for clock in self.clocks:
                if clock[0] <= now:
                    clock[0] += clock[1]
                    clock[2](clock[0] - clock[1])
            first = min(clock[0] for clock in self.clocks)
            for key, _ in self.selector.select(max(0, min(first, end) - time.monotonic())):
                self.turn(key.data)


def storm(at, rate=100, storm=0, fresh=500, sources=250, ms=1000, warm=200):
    unfinished = Unfinished(at, storm, sources)
    time.sleep(SETTLE if storm else 0)
    Storm(at, unfinished, rate, fresh, ms, warm).run()


# ---- hold ----

class Holder:
    def __init__(self, at, version):
        self.at, self.context, self.peers = at, client_context(version), []

    def open(self, wanted):
        while len(self.peers) < wanted:
            plain = socket.create_connection(self.at)
            self.peers.append(self.context.wrap_socket(plain, server_hostname="bench.test"))

    def exchange(self, size):
        for peer in self.peers:
            peer.sendall(bytes(size))
            left = size
            while left > 0:
                got = len(peer.recv(left))
                if got == 0:
                    sys.exit("tls_gen: the proxy ended a connection")
                left -= got


def hold(at, version=13):
    holder = Holder(at, version)
    verbs = {"open": holder.open, "exchange": holder.exchange}
    print("begin", flush=True)
    for line in sys.stdin:
        verb, number = line.split()
        verbs[verb](int(number))
        print(f"done {len(holder.peers)}", flush=True)


def main():
    verbs = {"connect": connect, "storm": storm, "hold": hold}
    try:
        run, words = verbs[sys.argv[1]], dict(word.split("=") for word in sys.argv[2:])
        host, port = words.pop("at").split(":")
        at, numbers = (host, int(port)), {name: int(value) for name, value in words.items()}
    except (IndexError, KeyError, ValueError):
        sys.exit(__doc__)
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    run(at, **numbers)


if __name__ == "__main__":
    main()
