#!/usr/bin/env python3
"""migrate_relay.py STAUNCH DIR [FILE...]: M6: each file of tests/flow/migrate is translated and checked, and those with
lines "# relay: ..." relay the same bytes as their own program does, through this program's servers.

    # relay: plain [= N]              bytes come back as they went; from server N
    # relay: hello NAME [ALPN] [= N]  a ClientHello passes as it is
    # relay: tls NAME                 TLS ends at the proxy
    # relay: proxy                    the client is a proxy that sends a PROXY header

@L1@ is a port to listen at, @S1@ a server that says its number and then sends back what it gets, @T1@ one with TLS, @H1@
one that answers HTTP, @DIR@ a directory with a certificate. Ends with 1 where something differs, after all files."""
import os
import re
import shutil
import socket
import ssl
import subprocess
import sys
import threading
import time

HOST = "127.0.0.1"
PATIENCE = 20
STREAM_MODULE = "/usr/lib/nginx/modules/ngx_stream_module.so"
# Lines that ask for more than a test may do: root, a place in /run, a log daemon.
UNWANTED = {
    "nginx": re.compile(r"^\s*(user|pid|daemon|error_log|include /etc/nginx/modules-enabled)\b.*$", re.M),
    "haproxy": re.compile(r"^\s*(user|group|chroot|pidfile|daemon|stats|log|ca-base|crt-base|ulimit-n)\b.*$", re.M),
}


def listen():
    s = socket.create_server((HOST, 0), backlog=64)
    return s, s.getsockname()[1]


def serve(listener, talk):
    def loop():
        while True:
            c, _ = listener.accept()
            threading.Thread(target=guarded, args=(talk, c), daemon=True).start()

    threading.Thread(target=loop, daemon=True).start()


def guarded(talk, c):
    try:
        talk(c)
    except OSError:
        pass
    finally:
        c.close()


def echo_as(number):
    def talk(c):
        c.sendall(b"%d" % number)
        while data := c.recv(65536):
            c.sendall(data)

    return talk


def echo_tls(context):
    def talk(c):
        with context.wrap_socket(c, server_side=True) as t:
            echo_as(4)(t)

    return talk


def answer_http(c):
    c.recv(4096)
    c.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def free_port():
    with socket.create_server((HOST, 0)) as s:
        return s.getsockname()[1]


def client_hello(name, alpn):
    context = ssl.create_default_context()
    context.set_alpn_protocols([alpn] if alpn else ["http/1.1"])
    out = ssl.MemoryBIO()
    try:
        context.wrap_bio(ssl.MemoryBIO(), out, server_hostname=name).do_handshake()
    except ssl.SSLWantReadError:
        pass
    return out.read()


def read_exactly(c, n):
    data = b""
    while len(data) < n:
        more = c.recv(n - len(data))
        if not more:
            raise OSError(f"an end after {len(data)} of {n} bytes")
        data += more
    return data


def ask(port, how):
    """(number of the server, what stands in front of the bytes, whether they came back as they went)"""
    kind, *words = how.split(" = ")[0].split()
    payload = b"".join(b"%d of many lines\n" % i for i in range(4000))
    with socket.create_connection((HOST, port), timeout=PATIENCE) as c:
        if kind == "tls":
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(c, server_hostname=words[0]) as t:
                t.sendall(payload)
                return read_exactly(t, 1), b"", read_exactly(t, len(payload)) == payload
        if kind == "hello":
            payload = client_hello(words[0], words[1] if len(words) > 1 else None)
        if kind == "proxy":
            c.sendall(b"PROXY TCP4 198.51.100.7 203.0.113.9 4711 443\r\n")
        c.sendall(payload)
        number, data = read_exactly(c, 1), b""
        while payload[-64:] not in data:
            more = c.recv(65536)
            if not more:
                raise OSError(f"an end after {len(data)} bytes")
            data += more
        # A header in front of the client's bytes names ports that differ; which network it names does not.
        head, _, rest = data.partition(payload[:64])
        if head.startswith(b"PROXY"):
            head = b" ".join(head.split(b" ")[:3])
        elif head.startswith(b"\r\n\r\n\0\r\nQUIT\n"):
            head = head[:24]
        return number, head, payload[:64] + rest == payload


def wait_up(port, process, log):
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection((HOST, port), timeout=1).close()
            return
        except OSError:
            if process.poll() is not None:
                break
            time.sleep(0.05)
    with open(log, encoding="utf-8", errors="replace") as f:
        raise OSError("it does not start: " + f.read()[-2000:])


def run(argv, log, port, hows):
    """The answers to `hows` through that program."""
    with open(log, "w", encoding="utf-8") as f:
        process = subprocess.Popen(argv, stdout=f, stderr=f)
    try:
        wait_up(port, process, log)
        return [ask(port, how) for how in hows]
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def original(program, text, directory):
    text = UNWANTED[program].sub("", text)
    path = f"{directory}/original.{program}"
    if program == "nginx":
        text = f"load_module {STREAM_MODULE};\npid {directory}/nginx.pid;\n" + text
        argv = ["nginx", "-e", "stderr", "-p", directory, "-c", path, "-g", "daemon off; master_process off;"]
    else:
        argv = ["haproxy", "-db", "-f", path]
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)
    return argv


def fill(text, directory, ports):
    text = text.replace("@DIR@", directory)
    for mark in sorted(set(re.findall(r"@[LSTH]\d@", text))):
        text = text.replace(mark, str(ports[mark] if mark in ports else free_port()))
    return text


def translate(staunch, program, path, out):
    """(exit code, directives, lost)"""
    r = subprocess.run([staunch, "migrate", program, path, "-o", out], capture_output=True, text=True, check=False)
    m = re.search(r"(\d+) of (\d+) directives translated(?:, (\d+) with losses)?\n\Z", r.stderr)
    if r.returncode not in (0, 3) or m is None:
        raise OSError(f"migrate ends with {r.returncode}: {r.stderr}{r.stdout}")
    if (r.returncode == 3) != (m[3] is not None):
        raise OSError(f"migrate ends with {r.returncode} and says {m[0]}")
    return int(m[2]), int(m[3] or 0)


def check(staunch, out, *options):
    r = subprocess.run([staunch, "check", *options, out], capture_output=True, text=True, check=False)
    if r.returncode != 0:
        raise OSError(f"check {' '.join(options)} ends with {r.returncode}: {r.stdout}{r.stderr}")


def one(staunch, path, directory, ports):
    """(directives, lost, whether it was relayed)"""
    program = "nginx" if path.endswith(".nginx.conf") else "haproxy"
    with open(path, encoding="utf-8") as f:
        raw = f.read()
    ports = dict(ports)
    for n in "123":
        ports[f"@L{n}@"] = free_port()
    text, out = fill(raw, directory, ports), f"{directory}/out.yaml"
    mine = f"{directory}/{os.path.basename(path)}"
    with open(mine, "w", encoding="utf-8") as f:
        f.write(text)
    counts = translate(staunch, program, mine, out)
    check(staunch, out, "--offline")
    if "example.net" not in text: # names that are not there
        check(staunch, out)
    hows = re.findall(r"^# relay: (.*)$", raw, re.M)
    if not hows:
        return *counts, False
    port = ports["@L1@"]
    theirs = run(original(program, text, directory), f"{directory}/original.log", port, hows)
    ours = run([staunch, "run", "-c", out], f"{directory}/staunch.log", port, hows)
    for how, a, b in zip(hows, theirs, ours):
        wanted = how.split(" = ")[1].encode() if " = " in how else None
        if a[1:] != b[1:] or not a[2] or (wanted is not None and (a[0], b[0]) != (wanted, wanted)):
            raise OSError(f"{how}: {a} by {program}, {b} by staunch")
    return *counts, True


def main():
    staunch, directory, *files = sys.argv[1:]
    staunch = os.path.abspath(staunch)
    for name in ("STAUNCH_CONFIG", "STAUNCH_TEST_UNSET", "STAUNCH_TEST_HOST"):
        os.environ.pop(name, None)
    os.environ["STAUNCH_CONTROL"] = os.environ["STAUNCH_STATE"] = "off"
    have = {p: shutil.which(p) is not None for p in ("nginx", "haproxy")}
    open(f"{directory}/mime.types", "w", encoding="utf-8").close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{directory}/server.pem")
    ports = {}
    for mark, talk in (("@S1@", echo_as(1)), ("@S2@", echo_as(2)), ("@S3@", echo_as(3)), ("@T1@", echo_tls(context)),
                       ("@H1@", answer_http)):
        listener, ports[mark] = listen()
        serve(listener, talk)
    here = os.path.join(os.path.dirname(os.path.abspath(__file__)), "migrate")
    files = files or sorted(f"{here}/{f}" for f in os.listdir(here))
    total = lost = relayed = failed = 0
    for path in files:
        try:
            directives, less, was_relayed = one(staunch, path, directory, ports)
            total, lost, relayed = total + directives, lost + less, relayed + was_relayed
            print(f"{os.path.basename(path)}: {directives - less} of {directives}{', relayed' if was_relayed else ''}", flush=True)
        except (OSError, ValueError) as e:
            failed += 1
            print(f"{os.path.basename(path)}: FAILED: {e}", flush=True)
    print(f"{len(files)} files, {total - lost} of {total} directives translated, {relayed} relayed, {failed} failed")
    missing = [p for p in have if not have[p]]
    print(f"missing: {missing}" if missing else "")
    sys.exit(failed > 0 or (len(files) >= 40 and (relayed < 20 or (total - lost) * 10 < total * 9)))


if __name__ == "__main__":
    main()
