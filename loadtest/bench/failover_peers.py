#!/usr/bin/env python3
"""failover_peers.py VERB name=value...: both sides of the proxies that failover.py compares.

    serve   three servers for each of contenders=, which listen on its port, counted from at=. The first
            of the three can be made to fail. cert= where they speak TLS; expired= the certificate that
            the first one shows when told so.
            Runs in a network namespace of its own and obeys standard input: link (set up the interface,
            listen), good, and the name of what a failing server does
    load    clients as an open loop: rate= a second to at= and to each of the comma-separated more= ports,
            the first due at start= (monotonic clock), for seconds=. Prints one line of JSON at the end

A client connects, sends "ping" and waits for "pong" and the number of the server. It closes first.
"""
import asyncio
import contextlib
import json
import resource
import socket
import ssl
import struct
import subprocess
import sys
import time

SERVERS = ("10.99.0.11", "10.99.0.12", "10.99.0.13")  # the first one fails
PROXIES = "10.99.0.1"  # the proxies' side of the veth
LINK, LINK_PROXIES = "servers", "proxies"  # its two ends
BACKLOG = 4096
PATIENCE = 10  # seconds that a client waits
REQUEST, ANSWER = b"ping\n", b"pong %d\n"


# ---- serve ----

class Server:
    """One server on one port. `how` is what it does to a connection: good, or a way to fail."""

    def __init__(self, number, port, contexts):
        self.at, self.answer, self.contexts = (SERVERS[number], port), ANSWER % (number + 1), contexts
        self.how, self.listener = "good", None
        self.listen()

    def listen(self):
        self.listener = socket.create_server(self.at, backlog=BACKLOG)
        self.listener.setblocking(False)
        asyncio.get_running_loop().add_reader(self.listener, self.accept)

    def become(self, how):
        """A server that refuses has no listener: the kernel refuses for it."""
        self.how = how
        if how == "refuse" and self.listener:
            asyncio.get_running_loop().remove_reader(self.listener)
            self.listener.close()
            self.listener = None
        elif how != "refuse" and not self.listener:
            self.listen()

    def accept(self):
        with contextlib.suppress(OSError):  # no more to accept, or too many open: then later
            while True:
                peer, _ = self.listener.accept()
                task = asyncio.get_running_loop().create_task(self.talk(peer))
                task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def talk(self, peer):
        """Begins the TLS handshake if there is one. A client that does not like the certificate ends it."""
        context = self.contexts.get("expired" if self.how == "expired" else "good")
        with contextlib.suppress(OSError, ssl.SSLError):
            await asyncio.get_running_loop().connect_accepted_socket(lambda: Talk(self), peer, ssl=context)


class Talk(asyncio.Protocol):
    """One connection of a server. What the server does is settled when it is accepted, as a hung
    process never answers what it has accepted."""

    def __init__(self, server):
        self.server, self.how, self.transport, self.got = server, server.how, None, b""

    def connection_made(self, transport):
        self.transport = transport
        if self.how == "reset":
            linger = struct.pack("ii", 1, 0)
            transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            transport.abort()
        elif self.how == "end":
            transport.write_eof()  # and reads on: a close with unread bytes would be a reset

    def data_received(self, data):
        self.got = (self.got + data)[-len(REQUEST):]
        if self.how in ("good", "expired") and self.got.endswith(REQUEST):
            self.transport.write(self.server.answer)


async def serve(at, contenders, cert="", expired=""):
    contexts = {name: server_context(path) for name, path in (("good", cert), ("expired", expired)) if path}
    loop, commands, servers = asyncio.get_running_loop(), asyncio.StreamReader(), []
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(commands), sys.stdin)
    print("ready", flush=True)
    while command := (await commands.readline()).decode().strip():
        if command == "link":
            set_up_link()
            servers = [[Server(number, port_of(at) + k, contexts) for k in range(int(contenders))]
                       for number in range(len(SERVERS))]
        else:
            for server in servers[0]:
                server.become(command)
        print(time.monotonic(), flush=True)


def port_of(at):
    return int(at.rsplit(":", 1)[1])


def server_context(path):
    """A context of its own for each certificate: a session of the one cannot be resumed at the other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    context.num_tickets = 0  # nobody resumes by one, so none is made
    return context


def set_up_link():
    for address in SERVERS:
        subprocess.run(["ip", "addr", "add", f"{address}/24", "dev", LINK], check=True)
    subprocess.run(["ip", "link", "set", LINK, "up"], check=True)


# ---- load ----

class Load:
    """The clients of one contender. A row is [due after the start, latency in s, what happened, server]."""

    def __init__(self, port, start, rate, seconds):
        self.port, self.start, self.rate, self.count = port, start, rate, round(rate * seconds)
        self.rows, self.clients = [], set()

    async def run(self):
        for number in range(self.count):
            due = self.start + number / self.rate
            if (wait := due - time.monotonic()) > 0:
                await asyncio.sleep(wait)
            client = asyncio.create_task(self.client(due))
            self.clients.add(client)
            client.add_done_callback(self.clients.discard)
        await asyncio.gather(*self.clients)

    async def client(self, due):
        server, writer = 0, None
        try:
            async with asyncio.timeout(PATIENCE):
                reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.write(REQUEST)
                line = await reader.readline()
                what, server = ("ok", int(line.split()[1])) if line.endswith(b"\n") else ("end", 0)
        except TimeoutError:
            what = "silence"
        except ConnectionRefusedError:
            what = "refused"
        except OSError:
            what = "reset"
        self.rows.append([round(due - self.start, 3), round(time.monotonic() - due, 4), what, server])
        if writer:
            writer.close()


async def load(at, start, rate, seconds, more=""):
    """All contenders' clients, evenly spread over the time between two clients of one contender."""
    chosen, rate = [port_of(at), *map(int, filter(None, more.split(",")))], float(rate)
    loads = [Load(port, float(start) + k / rate / len(chosen), rate, float(seconds)) for k, port in enumerate(chosen)]
    await asyncio.gather(*(one.run() for one in loads))
    print(json.dumps({one.port: one.rows for one in loads}), flush=True)
    sys.stdin.read()


VERBS = {"serve": serve, "load": load}


def main():
    if len(sys.argv) < 2 or sys.argv[1] not in VERBS:
        sys.exit(__doc__)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    asyncio.run(VERBS[sys.argv[1]](**dict(word.split("=", 1) for word in sys.argv[2:])))


if __name__ == "__main__":
    main()
