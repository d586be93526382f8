/* Every option of every verb: name, default, help. No guard: each include defines X for the
 * rows. */
X(conns,   1,    "connections, or connections at a time")
X(ms,      1000, "length of the measured window, in milliseconds")
X(warm,    100,  "warm-up before it, not measured")
X(rate,    0,    "requests or connections a second, open loop; 0: closed loop")
X(count,   0,    "requests or connections, without warm-up; 0: end with the window")
X(size,    64,   "bytes of a request, or of the body an http server answers with")
X(sources, 1,    "source addresses of 127.1.0.0/16, used in turn; 1: the kernel chooses the source")
X(polite,  0,    "connect: 1 waits for the peer's end before it closes, so that none overlap")
X(up,      0,    "bulk: 1 sends, 0 receives")
X(drip,    0,    "hold: bytes to read from each connection ten times a second; 0: reads nothing")
X(echo,    0,    "rate: also serve as echo server on this port; 0: another process does")
