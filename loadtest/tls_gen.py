#!/usr/bin/env python3
"""tls_gen.py VERB at=ADDRESS:PORT name=value...: the TLS clients of the load test; they talk to a driver as gen does
(gen/gen.h).

    connect   a TLS 1.3 handshake, a request, its answer, the end of both sides; conns= of them under way, for ms= after
              warm=. resume=1: each takes up the session of the one before it; 0: each handshake is full
    storm     full handshakes, rate= a second, each with its request and its end; what is timed is the handshake, from when
              it was due. Meanwhile stand storm= clients that never finish theirs, and fresh= times a second the oldest of
              them is replaced. They come from sources= addresses; a third says nothing, a third half of a ClientHello,
              a third all of one
    hold      connections that do nothing, as commanded on standard input: open N, exchange BYTES; version=12 TLS 1.2,
              13 (without it) TLS 1.3

wrk does neither: with `Connection: close` it resumes whenever it has a ticket, and does not say so. Here a handshake
that was resumed and should not have been, or the other way round, is an error, as is an end without close_notify.
That a client in Python costs more than the proxy is no matter: it has a CPU of its own, and the proxy's is measured.
"""
import json
import resource
import selectors
import socket
import ssl
import sys
import time

REQUEST = b"GET / HTTP/1.1\r\nHost: bench.test\r\nConnection: close\r\n\r\n"
SETTLE = 2  # seconds until the proxy has seen all of a storm
IGNORE_UNEXPECTED_EOF = 0x80  # OpenSSL's; Python names it since 3.10, and not all builds do
TENTHS = 41  # points of a curve, ten for each nine


VERSIONS = {12: ssl.TLSVersion.TLSv1_2, 13: ssl.TLSVersion.TLSv1_3}


class Failed(Exception):
    """A connection that ended otherwise than it should."""


def client_context(version=13):
    """No chain is verified: that is the client's work, and the same for all."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    context.minimum_version = context.maximum_version = VERSIONS[version]
    context.options &= ~IGNORE_UNEXPECTED_EOF  # Debian's Python sets it: every end would count as a good one
    return context


def curve(latencies):
    """[[share, latency]], ten points for each nine, as far as there are enough of them."""
    ordered = sorted(latencies)
    shares = (1 - 10 ** (-tenth / 10) for tenth in range(TENTHS) if 10 ** (tenth / 10) <= len(ordered))
    return [[round(share, 7), ordered[int(share * len(ordered))]] for share in shares]


# ---- connect ----

def retried(step):
    """Does it as soon as the peer has sent what it needs. All that is sent here is too short to have to wait."""
    while True:
        try:
            return step()
        except ssl.SSLWantReadError:
            yield


class Churn:
    """Lanes, one connection after another on each; a lane is a generator that yields when it must wait. What ends in the
    window counts: what was under way when it began makes up for what is when it ends."""

    def __init__(self, at, conns, resume, ms, warm):
        self.at, self.resume, self.context = at, bool(resume), client_context()
        self.start = time.monotonic() + warm / 1e3
        self.end = self.start + ms / 1e3
        self.latencies, self.failures = [], {}  # us; {why: times}, of the warm-up too
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
        """One of them. Returns the session that the next one takes up, with the newest ticket, if it is to."""
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
        """The handshake of the current lane is done."""

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
    """The whole of one: what a client says before it waits for the server."""
    said = ssl.MemoryBIO()
    try:
        client_context().wrap_bio(ssl.MemoryBIO(), said, server_hostname="bench.test").do_handshake()
    except ssl.SSLWantReadError:
        pass
    return said.read()


class Unfinished:
    """The clients that never finish."""

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
        peer.setblocking(False)  # a full backlog must not hold up those that are timed
        peer.connect_ex(self.at)
        try:
            peer.send(self.said[self.turn % len(self.said)])
        except BlockingIOError:
            pass  # not connected yet: one more that says nothing
        return peer

    def replace_oldest(self):
        at = self.turn % len(self.peers)
        self.peers[at].close()
        self.peers[at] = self.one()


class Storm(Churn):
    """A lane a handshake, begun when it is due. Both kinds of clients are one loop: as two processes on one CPU they
    would wait for each other's turns, and that would be taken for the proxy's doing."""

    def __init__(self, at, unfinished, rate, fresh, ms, warm):
        super().__init__(at, 0, 0, ms, warm)
        self.unfinished, self.due = unfinished, {}  # {lane: since when}
        began = time.monotonic()
        self.clocks = [[began, 1 / rate, self.begin_one]]  # [next, every, what]
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
                    sys.exit("tls_gen: a connection ended")
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
