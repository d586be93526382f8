"""upstream_names_hostile.py IP PORT GOOD EVIL OWN: a name server for upstream_names_peers_test.c, which lies in each way
that the first label of a name says. GOOD is the address of a true answer, EVIL that of a false one, OWN a listener's of
the process that asks. Prints "most N asked M" whenever one of the two grows: questions n<i> are held for a moment, so N is
how many are waited for at once."""
import socket
import sys
import threading
import time

from dnslib import A, DNSHeader, DNSRecord, QTYPE, RR

IP, PORT, GOOD, EVIL, OWN = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4], sys.argv[5]
HELD = 0.02

lock = threading.Lock()
count = {"now": 0, "most": 0, "asked": 0}


def answer(q, *ips):
    reply = q.reply()
    for ip in ips:
        reply.add_answer(RR(q.q.qname, QTYPE.A, rdata=A(ip), ttl=60))
    return reply


def other_question(q):
    """The right id, about another name."""
    reply = DNSRecord.question("other.example")
    reply.header = DNSHeader(id=q.header.id, qr=1, ra=1)
    reply.add_answer(RR("other.example", QTYPE.A, rdata=A(EVIL), ttl=60))
    return reply.pack()


def looped(q):
    """The owner of its record is a pointer to itself."""
    p = bytearray(q.reply().pack())
    p[6:8] = b"\0\1"
    at = len(p)
    return bytes(p) + bytes([0xc0 | at >> 8, at & 0xff]) + b"\0\1\0\1\0\0\0\x3c\0\4" + socket.inet_aton(EVIL)


def records(q, n):
    return answer(q, *(f"10.7.{i // 256}.{i % 256}" for i in range(n))).pack()


def truncated(q):
    reply = q.reply()
    reply.header.tc = 1
    return reply.pack()


def held(i):
    with lock:
        count["now"] += 1
        count["asked"] += 1
        count["most"] = max(count["most"], count["now"])
        print("most", count["most"], "asked", count["asked"], flush=True)
    time.sleep(HELD)
    with lock:
        count["now"] -= 1
    return f"10.8.{i // 256}.{i % 256}"


def replies(q, tcp):
    """What is sent, in order; a reply from a stranger is a pair."""
    label = str(q.q.qname).split(".", 1)[0]
    if q.q.qtype != QTYPE.A:
        return [q.reply().pack()]
    if label == "id":
        wrong = answer(q, EVIL)
        wrong.header.id ^= 0x5555
        return [wrong.pack(), answer(q, GOOD).pack()]
    if label == "question":
        return [other_question(q), answer(q, GOOD).pack()]
    if label == "source":
        return [("stranger", answer(q, EVIL).pack()), answer(q, GOOD).pack()]
    if label == "loop":
        return [looped(q)]
    if label == "large":
        return [records(q, 4000) if tcp else truncated(q)]
    if label == "many":
        return [records(q, 1000) if tcp else truncated(q)]
    if label == "bad":
        return [answer(q, "0.0.0.0", "224.0.0.1", "255.255.255.255", OWN, GOOD).pack()]
    if label[0] == "n" and label[1:].isdigit():
        return [answer(q, held(int(label[1:]))).pack()]
    return [answer(q, GOOD).pack()]


def serve_udp(data, client):
    for r in replies(DNSRecord.parse(data), False):
        if isinstance(r, tuple):
            stranger = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            stranger.bind((IP, 0))
            stranger.sendto(r[1], client)
            stranger.close()
        else:
            udp.sendto(r, client)


def serve_tcp():
    while True:
        c, _ = tcp.accept()
        with c:
            size = c.recv(2, socket.MSG_WAITALL)
            if len(size) == 2:
                data = c.recv(int.from_bytes(size, "big"), socket.MSG_WAITALL)
                r = replies(DNSRecord.parse(data), True)[-1]
                c.sendall(len(r).to_bytes(2, "big") + r)


udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
udp.bind((IP, PORT))
tcp = socket.create_server((IP, PORT))
threading.Thread(target=serve_tcp, daemon=True).start()
print("ready", flush=True)
while True:
    packet, sender = udp.recvfrom(4096)
    threading.Thread(target=serve_udp, args=(packet, sender), daemon=True).start()
