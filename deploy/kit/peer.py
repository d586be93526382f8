#!/usr/bin/python3
"""The peers of a staunch under test, and a debugger of it.

peer echo                    the server behind it, at port 8000
peer load SECONDS [PORT]     200 clients a second; prints how many were refused, and cut before their answer
peer talk COUNT SECONDS [PORT]   clients who stay and say something ten times a second; prints how many were cut
peer stay PORT               a client that sends nothing but half of a PROXY header, until it is closed
peer hold PID NAME SECONDS   one thread of a process stands still, as under a debugger
"""
import ctypes
import os
import socket
import sys
import threading
import time


def echo():
    s = socket.create_server(("127.0.0.1", 8000), backlog=1024)
    while True:
        c, _ = s.accept()
        threading.Thread(target=answer, args=(c,), daemon=True).start()


def answer(c):
    with c:
        while b := c.recv(4096):
            c.sendall(b)


def ask(port, refused, cut):
    try:
        c = socket.create_connection(("127.0.0.1", port), timeout=20)
    except OSError as e:
        refused.append(str(e))
        return
    with c:
        try:
            c.sendall(b"hello")
            if c.recv(5) != b"hello":
                cut.append("end")
        except OSError as e:
            cut.append(str(e))


def load(seconds, port="8080"):
    refused, cut, clients = [], [], []
    begin = time.monotonic()
    for n in range(int(float(seconds) * 200)):
        time.sleep(max(0, begin + n / 200 - time.monotonic()))
        t = threading.Thread(target=ask, args=(int(port), refused, cut))
        t.start()
        clients.append(t)
    for t in clients:
        t.join()
    print(f"{len(refused)} refused, {len(cut)} cut of {len(clients)} {sorted(set(refused + cut))}")


def keep_talking(port, seconds, ready, cut):
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=20) as c:
            begin = time.monotonic()
            while time.monotonic() - begin < seconds:
                word = os.urandom(1000)
                c.sendall(word)
                if c.recv(1000, socket.MSG_WAITALL) != word:
                    cut.append("end")
                    break
                ready.append(1)
                time.sleep(0.1)
    except OSError as e:
        cut.append(str(e))


def talk(count, seconds, port="8080"):
    ready, cut = [], []
    args = (int(port), float(seconds), ready, cut)
    clients = [threading.Thread(target=keep_talking, args=args) for _ in range(int(count))]
    for t in clients:
        t.start()
    for t in clients:
        t.join()
    print(f"{len(cut)} cut of {len(clients)}, {len(ready)} answers {sorted(set(cut))}")


def stay(port):
    with socket.create_connection(("127.0.0.1", int(port))) as c:
        c.sendall(b"PROXY TCP4 192.0.2.1")
        c.recv(1)


def hold(pid, name, seconds):
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    threads = os.listdir(f"/proc/{pid}/task")
    (tid,) = (int(t) for t in threads if open(f"/proc/{pid}/task/{t}/comm").read().strip() == name)
    if libc.ptrace(0x4206, tid, None, None) or libc.ptrace(0x4207, tid, None, None):  # SEIZE, INTERRUPT
        sys.exit("cannot trace")
    os.waitpid(tid, 0x40000000)
    time.sleep(float(seconds))


{"echo": echo, "load": load, "talk": talk, "stay": stay, "hold": hold}[sys.argv[1]](*sys.argv[2:])
