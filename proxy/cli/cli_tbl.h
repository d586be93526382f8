/* cli_tbl: the command line, once. Dispatch, option parsing, --help, suggestions, completion for three shells and
 * the manual page staunch(1) all come from these rows; a new verb is a row here and its cli_<verb> function. */
#ifndef PROXY_CLI_CLI_TBL_H
#define PROXY_CLI_CLI_TBL_H

/* What may stand in an operand's or an option's place, and how help shows it. WORDS shows the words themselves. */
#define CLI_KIND_TBL(X)           \
	X(NOTHING, "")            \
	X(FILE, "FILE")           \
	X(ADDRESS, "ADDR")        \
	X(SERVERS, "ADDR[,ADDR]") \
	X(SINK, "WHERE")          \
	X(NAME, "NAME")           \
	X(COUNT, "N")             \
	X(TIME, "TIME")           \
	X(NETWORK, "NETWORK")     \
	X(KEY, "KEY")             \
	X(VERB, "VERB")           \
	X(WORDS, "")

/* One rule for all verbs that read a file and do not become its process. */
#define CLI_FILE_RULE "Where no file is named: that of $STAUNCH_CONFIG, else that of the process at the control socket, " \
		      "else /etc/staunch/staunch.yaml."

/* X(id, word, operand, words, min, max, help, more): operands between min and max; `more` is for the verb's own help and
 * the manual. */
#define CLI_VERB_TBL(X)                                                                                           \
	X(RUN, run, NOTHING, NULL, 0, 0, "relay what the config file says",                                 \
	  "Stays in the foreground. TERM, INT and QUIT drain: no new connections, and live ones get "             \
	  "shutdown.timeout to end; a second INT or TERM stops at once. HUP loads the file again and opens the "  \
	  "logs anew, USR1 only the logs. A file with mistakes changes nothing.")                                 \
	X(PROXY, proxy, NOTHING, NULL, 0, 0, "relay one address to some servers, without a file",           \
	  "The options become a config file in memory, which goes the way of every other; --print-config shows "  \
	  "it, as a start for a file of your own. Signals are those of run.")                                     \
	X(DEMO, demo, NOTHING, NULL, 0, 0, "see it work, with traffic of its own",                          \
	  "Starts three echo servers and this proxy in front of them, sends verified traffic through it, and "    \
	  "takes one server away in the middle. Ends with 0 only if not one byte was lost or changed. All on "    \
	  "127.0.0.1; Ctrl-C ends it early.")                                                                     \
	X(CHECK, check, FILE, NULL, 0, 64, "find every mistake in config files",                              \
	  "Reports all problems, not only the first, each with its place and where possible the word that was "   \
	  "meant. Does all that run does short of serving, as the user who calls it: ports, files, limits. What " \
	  "a running instance of the same file holds is no problem. Several files are taken one by one. Ends "    \
	  "with 78 when there are errors. " CLI_FILE_RULE)                                                                        \
	X(STATUS, status, NOTHING, NULL, 0, 0, "ask the running process how it is",                         \
	  "Generation, uptime, the last reload, connections, workers. Asks at the control socket: --socket, else "  \
	  "STAUNCH_CONTROL, else /run/staunch/control.sock or $XDG_RUNTIME_DIR/staunch.sock. Ends with 1 where "    \
	  "nobody answers within 5 s.")                                                                           \
	X(RELOAD, reload, NOTHING, NULL, 0, 0, "have the running process load its file again",              \
	  "Waits for the result. A file with mistakes changes nothing: they are shown, and it ends with 78. Asks "  \
	  "at the control socket, as status does.")     \
	X(DRAIN, drain, NOTHING, NULL, 0, 0, "have the running process stop, once its connections have ended", \
	  "No new connections; live ones get shutdown.timeout to end. Waits for the end; ends with 4 where some "  \
	  "had to be cut. Asks at the control socket, as status does.")                                                                                       \
	X(UPGRADE, upgrade, NOTHING, NULL, 0, 0, "have another program take over, with no client refused", \
	  "Starts the program that now stands at the path of the running one, or --binary, with the same arguments. It " \
	  "gets all listening sockets; until it accepts, nothing has changed, and if it cannot start, its reason is shown, " \
	  "this ends with 1 and the running process serves on. Connections move to it; one whose TLS records OpenSSL " \
	  "makes ends with the old process, within shutdown.timeout if that is set. SIGUSR2 does the same. Asks at the control socket, as status does.") \
	X(SERVER, server, WORDS, "list|drain|maint|ready|weight", 0, 3, "list the servers of the running process, or steer one", \
	  "Alone, or as staunch server list [UPSTREAM]: each server once, whether it is usable, for how long, and why "   \
	  "not. spare: used where no other is left; tier: the servers of a later one wait until those before it have no " \
	  "usable one; active: connections, of at most so many; weight: what counts, of what the file says. "            \
	  "staunch server drain UPSTREAM/ADDR: no new connections, live ones run on, or end within --close-over. maint: the same, and no health "  \
	  "checks. ready undoes both; with --forget it also brings back one that its failures or its check hold out. weight UPSTREAM/ADDR 50: another weight; without a number: as configured. In the place of ADDR a name of the file "   \
	  "means each address that it has now. It "   \
	  "holds over reloads, until it is undone or its time is over. Asks at the control socket, as status does.")   \
	X(TRACE, trace, NOTHING, NULL, 0, 0, "watch the next connections, stage by stage",                  \
	  "Shows when each was accepted, routed, connected and ended, which servers were tried, and why it "     \
	  "ended: those connections that are accepted from now on and match every option. Ends after --limit "  \
	  "connections, or after --for. Asks at the control socket, as status does.")                            \
	X(CONNS, conns, NOTHING, NULL, 0, 0, "who is connected now",                                        \
	  "The live connections that match every option, those with the most bytes first, and how many there "   \
	  "are in all. in: bytes towards the server; out: towards the client; slow client, slow server: bytes "  \
	  "are here that this side does not take; relay: both sides are connected; client_ended, server_ended: "    \
	  "that side has sent its last byte, the other has not; queue: every server is full. --tcp adds what the kernel knows of both legs. --kill ends "   \
	  "those that match instead, with a reset at both sides: the oldest first, 1000 a second, and none that " \
	  "is accepted later. At a terminal it asks first; Ctrl-C stops it. Asks at the control socket, as "      \
	  "status does.")                                                                    \
	X(EVENTS, events, NOTHING, NULL, 0, 0, "what happened to the running process, and what happens",     \
	  "Reloads, limits that acted, drains, servers that were steered, and who changed what: the last 1024. "  \
	  "audit: a request that changed something, or tried to, with its HTTP status (200 is success) and who "  \
	  "sent it. --json has one line for each, with its facts. Asks at the control socket, as status does.")                                                   \
	X(TOP, top, NOTHING, NULL, 0, 0, "watch the running process on this terminal",                         \
	  "Listeners and servers with what they do now, drawn anew each second; ? lists the keys, q and Ctrl-C "   \
	  "leave. d drains the marked server, or makes a drained one ready, as server does; it asks first. Names "   \
	  "in red get no connections, yellow ones fail some. When the process goes away the last numbers stay, "  \
	  "greyed, until it is back. Asks at the control socket, as status does.")                                 \
	X(DASHBOARD, dashboard, NOTHING, NULL, 0, 0, "show the running process in a browser",              \
	  "Prints an address on 127.0.0.1. It opens once; that browser then stays admitted by a cookie, and "      \
	  "nobody else is. It only reads, and it ends with this verb: Ctrl-C. To look from another machine, give " \
	  "--port and forward it: ssh -L 9181:127.0.0.1:9181 HOST. Asks at the control socket, as status does.")   \
	X(DOCTOR, doctor, NOTHING, NULL, 0, 0, "find what is wrong with the machine, the file and the process", \
	  "Looks at limits, settings of the kernel, the control group, certificates, the clock, disks, and at what the " \
	  "running process says of itself; each finding with its value, the wanted one, and the command that mends "   \
	  "it. " CLI_FILE_RULE " Without a process: what a start " \
	  "would meet. Changes nothing. Ends with 0 where nothing but notes was found, with 1 where there is a "      \
	  "problem, and with 78 where the file has errors.")                                                       \
	X(EXPLAIN, explain, KEY, NULL, 0, 1, "what a key of the file means, or where a connection goes",    \
	  "A key is written as in problem reports, listeners[].bind, or as the end of its path where only one "   \
	  "path ends so: linger. Without a key: the file as a whole. A code of a problem, E203, has its "         \
	  "meaning, and so has a word of logs and answers: why a connection ended (client_rst), why a server is "  \
	  "out (passive_out), what failed (early_reset), an error (ECONNRESET). The word route asks the running process what would become of a connection: its rule, its "    \
	  "upstream, which server is next and why the others are not, and which limit acts. With -c FILE the "    \
	  "answer is that of a process that has just begun with this file.")                                       \
	X(MIGRATE, migrate, WORDS, "nginx|haproxy", 2, 2, "a file of nginx or HAProxy as one for this program",  \
	  "staunch migrate nginx /etc/nginx/nginx.conf: what stands in stream{}; staunch migrate haproxy "         \
	  "/etc/haproxy/haproxy.cfg: sections of mode tcp. Prints a file that passes check, with the line that each " \
	  "thing came from, and what works otherwise than before. What cannot be kept is listed in it and on stderr, " \
	  "with its line and what happens instead: then it ends with 3. Ends with 78 where that program would not "   \
	  "take the file either, or where nothing in it can be kept.")                                             \
	X(CONFIG, config, WORDS, "show", 1, 1, "show every value in force and where it comes from",         \
	  "Defaults are included. The output is itself a config file that loads to the same values. " CLI_FILE_RULE)             \
	X(SCHEMA, schema, NOTHING, NULL, 0, 0, "the config file's JSON Schema, for editors",                \
	  "Draft-07. Editors with a YAML server complete and check keys by it.")                                  \
	X(COMPLETION, completion, WORDS, "bash|zsh|fish", 1, 1, "completion for a shell, as a script",      \
	  "For the running shell: source <(staunch completion bash).")                                            \
	X(VERSION, version, NOTHING, NULL, 0, 0, "which build this is, and on what it runs", NULL)          \
	X(HELP, help, VERB, NULL, 0, 1, "this help, or that of one verb", NULL)                             \
	X(MAN, man, WORDS, "staunch|staunch.yaml|staunch-api|staunch-log|staunch-metrics|staunch-probes", 1, 1, "a manual page, as roff", \
	  "Pages need not be installed to be read: staunch man staunch.yaml | man -l -. staunch: this program; "       \
	  "staunch.yaml: the file; staunch-api: what the control plane answers, field by field; staunch-log: both "  \
	  "logs; staunch-metrics: /metrics; staunch-probes: where a tracer attaches.")

/* X(id, letter, also, word, value, words, verbs, help): verbs is a set; letters 0 are none. */
#define CLI_OPT_TBL(X)                                                                                            \
	X(CONFIG, 'c', 'f', "config", FILE, NULL, FOR(RUN) | FOR(CHECK) | FOR(CONFIG) | FOR(EXPLAIN) | FOR(DOCTOR), \
	  "the config " \
	  "file; - is standard input") \
	X(FROM, 0, 0, "from", SERVERS, NULL, FOR(PROXY), "listen here: \":8080\", \"127.0.0.1:8080\", "           \
	  "\"unix:/run/x.sock\"")                                                                                 \
	X(TO, 0, 0, "to", SERVERS, NULL, FOR(PROXY), "the servers, by address and port")                          \
	X(BALANCE, 0, 0, "balance", WORDS, CLI_BALANCE_WORDS, FOR(PROXY), "how a server is chosen")               \
	X(ACCESS_LOG, 0, 0, "access-log", SINK, NULL, FOR(PROXY), "stdout, stderr, off or a file's full path")    \
	X(PRINT_CONFIG, 0, 0, "print-config", NOTHING, NULL, FOR(PROXY), "print the equivalent file and end")     \
	X(SECONDS, 0, 0, "seconds", COUNT, NULL, FOR(DEMO), "how long the traffic lasts: 2 to 3600, default 10")  \
	X(FORMAT, 0, 0, "format", WORDS, "human|json|github|sarif", FOR(CHECK), "json: an object a file; "         \
	  "github: workflow commands; sarif: one document")                                                        \
	X(STRICT, 0, 0, "strict", NOTHING, NULL, FOR(CHECK), "warnings end with 78 as well")                      \
	X(AGAINST_LIVE, 0, 0, "against-live", NOTHING, NULL, FOR(CHECK), "what a reload of the file would change " \
	  "in the running process, and how many live connections that touches")                                   \
	X(OFFLINE, 0, 0, "offline", NOTHING, NULL, FOR(CHECK), "the file alone: no ports, names, files, limits")  \
	X(OUTPUT, 'o', 0, "output", FILE, NULL, FOR(MIGRATE), "write it here instead of to stdout")               \
	X(EFFECTIVE, 0, 0, "effective", NOTHING, NULL, FOR(CONFIG), "each value with its origin; the default")    \
	X(ANNOTATED, 0, 0, "annotated", NOTHING, NULL, FOR(CONFIG), "say what each key is for instead")           \
	X(DIFF, 0, 0, "diff", WORDS, "running", FOR(CONFIG), "what differs between the file and the running process: "  \
	  "ends with 0 when nothing does, with 1 when something does")                                            \
	X(SOCKET, 0, 0, "socket", FILE, NULL, FOR(CONFIG) | FOR(TOP) | FOR(STATUS) | FOR(RELOAD) | FOR(DRAIN) | FOR(UPGRADE) | FOR(SERVER) | FOR(TRACE) | FOR(CONNS) | FOR(EVENTS) | \
	  FOR(EXPLAIN) | FOR(CHECK) | FOR(DASHBOARD) | FOR(DOCTOR), "the control socket of the process that is meant")                                                                                \
	X(PORT, 0, 0, "port", COUNT, NULL, FOR(DASHBOARD), "this port; without it the system chooses one")        \
	X(JSON, 0, 0, "json", NOTHING, NULL, FOR(STATUS) | FOR(RELOAD) | FOR(DRAIN) | FOR(UPGRADE) | FOR(SERVER) | FOR(TRACE) | FOR(CONNS) | FOR(EVENTS) | \
	  FOR(EXPLAIN) | FOR(CHECK) | FOR(DOCTOR), "print the answer as it came")                                                                                    \
	X(LISTENER, 0, 0, "listener", NAME, NULL, FOR(EXPLAIN) | FOR(TRACE) | FOR(CONNS), "only those to this listener")           \
	X(SRC, 0, 0, "src", NETWORK, NULL, FOR(EXPLAIN) | FOR(TRACE) | FOR(CONNS), "the client's address, without a " \
	  "port, or its network")                                                                                 \
	X(SNI, 0, 0, "sni", NAME, NULL, FOR(EXPLAIN) | FOR(TRACE) | FOR(CONNS), "the name that it asks for, or "  \
	  "*.example.com")                                                                                        \
	X(ALPN, 0, 0, "alpn", NAME, NULL, FOR(EXPLAIN), "route: its protocols: h2,http/1.1")                      \
	X(TLS, 0, 0, "tls", WORDS, "none|1.0|1.1|1.2|1.3", FOR(EXPLAIN), "route: its newest version of TLS")      \
	X(UPSTREAM, 0, 0, "upstream", NAME, NULL, FOR(TRACE) | FOR(CONNS), "only those to this upstream")                      \
	X(SERVER, 0, 0, "server", NAME, NULL, FOR(TRACE) | FOR(CONNS), "only those to this server")                            \
	X(LIMIT, 0, 0, "limit", COUNT, NULL, FOR(TRACE) | FOR(CONNS), "how many connections")                 \
	X(OLDER, 0, 0, "older", TIME, NULL, FOR(CONNS), "only those accepted at least so long ago: 90s, 1h")     \
	X(IDLE, 0, 0, "idle", TIME, NULL, FOR(CONNS), "only those without a byte for at least so long")          \
	X(REASON_PENDING, 0, 0, "reason-pending", NAME, NULL, FOR(CONNS), "only those of which one side has ended " \
	  "with this close reason, client_fin, or any")                                                           \
	X(SORT, 0, 0, "sort", WORDS, "bytes|age|idle", FOR(CONNS), "what the first ones have most of; bytes")     \
	X(TCP, 0, 0, "tcp", NOTHING, NULL, FOR(CONNS), "round-trip time, window and losses of both legs, too")    \
	X(KILL, 0, 0, "kill", NOTHING, NULL, FOR(CONNS), "end the connections that match")                      \
	X(ALL, 0, 0, "all", NOTHING, NULL, FOR(CONNS), "--kill: every connection; needed where no filter is given") \
	X(DRY_RUN, 0, 0, "dry-run", NOTHING, NULL, FOR(CONNS), "--kill: only say how many there are")            \
	X(YES, 0, 0, "yes", NOTHING, NULL, FOR(CONNS), "--kill: do not ask")                                     \
	X(RATE, 0, 0, "rate", COUNT, NULL, FOR(CONNS), "--kill: how many a second; 1000")                       \
	X(PATIENCE, 0, 0, "patience", TIME, NULL, FOR(CONNS), "--kill: end one whose client waits for an answer " \
	  "last, and up to so long later")                                                                       \
	X(FOR_TIME, 0, 0, "for", TIME, NULL, FOR(TRACE), "how long at most: up to 60s, the default")              \
	X(SINCE, 0, 0, "since", COUNT, NULL, FOR(EVENTS), "only what came after the event of this number")        \
	X(FOLLOW, 0, 0, "follow", NOTHING, NULL, FOR(EVENTS), "then wait for what happens")                       \
	X(LIMITS, 0, 0, "limits", NOTHING, NULL, FOR(STATUS), "each limit, and how much of it is used")           \
	X(QUIET, 'q', 0, "quiet", NOTHING, NULL, FOR(STATUS), "print nothing: the exit code tells")               \
	X(WAIT, 0, 0, "wait", NOTHING, NULL, FOR(RELOAD) | FOR(UPGRADE), "wait for the result, as it does anyway")               \
	X(DELAY, 0, 0, "delay", TIME, NULL, FOR(DRAIN), "instead of shutdown.delay: not ready, still accepting")  \
	X(TIMEOUT, 0, 0, "timeout", TIME, NULL, FOR(DRAIN), "instead of shutdown.timeout")                        \
	X(BINARY, 0, 0, "binary", FILE, NULL, FOR(UPGRADE), "the program, instead of the one at the same path")  \
	X(FOR, 0, 0, "for", TIME, NULL, FOR(SERVER), "undone by itself after so long: 90s, 10m, 1h30m")              \
	X(CLOSE_OVER, 0, 0, "close-over", TIME, NULL, FOR(SERVER), "drain, maint: end its live connections within so " \
	  "long, those that wait for nothing first: 30s, 5m")                                                      \
	X(MAX_CONNECTIONS, 0, 0, "max-connections", COUNT, NULL, FOR(SERVER), "another max_connections: a number, "  \
	  "off, or default: as configured")                                                                       \
	X(FORGET, 0, 0, "forget", WORDS, "passive|check|both", FOR(SERVER), "ready: what its connections, or its check, have " \
	  "shown is forgotten: it is used, or checked, at once")                                                  \
	X(SHORT, 'V', 0, "short", NOTHING, NULL, FOR(VERSION), "one line")                                        \
	X(COLOR, 0, 0, "color", WORDS, "auto|always|never", FOR_ALL, "auto: on a terminal, unless NO_COLOR")      \
	X(HELP, 'h', 0, "help", NOTHING, NULL, FOR_ALL, "help for this verb")

/* X(verb, line, meaning): in help, the general ones first in this order. */
#define CLI_EXAMPLE_TBL(X)                                                                                        \
	X(DEMO, "staunch demo", "see it relay, live")                                                             \
	X(PROXY, "staunch proxy --from :8080 --to 10.0.0.1:80", "relay one port, no file needed")     \
	X(CHECK, "staunch check staunch.yaml", "find every mistake in a file")                                    \
	X(RUN, "staunch run -c staunch.yaml", "relay what it says")                                               \
	X(EXPLAIN, "staunch explain timeouts.idle", "what a key of the file means")                               \
	X(EXPLAIN, "staunch explain route --sni a.example", "where that client goes, and why")                    \
	X(STATUS, "staunch status --limits", "how the running process is")                                        \
	X(DOCTOR, "staunch doctor", "what is wrong, and what mends it")                                            \
	X(TOP, "staunch top", "what it does, each second")                                                       \
	X(DASHBOARD, "staunch dashboard", "the same as a page in a browser")                                    \
	X(RELOAD, "staunch reload", "have it load its file again")                                                \
	X(SERVER, "staunch server", "all servers, and why one is out")                              \
	X(SERVER, "staunch server drain app/10.0.0.1:80", "no new connections for a server")            \
	X(TRACE, "staunch trace --sni shop.example --limit 3", "three connections, step by step")               \
	X(CONNS, "staunch conns --idle 10m --sort age", "who is connected and silent")                          \
	X(CONNS, "staunch conns --src 192.0.2.0/24 --kill", "end those of a network")                          \
	X(EVENTS, "staunch events --follow", "what happens to it, live")                                 \
	X(MIGRATE, "staunch migrate haproxy haproxy.cfg", "move in from there")                                   \
	X(DRAIN, "staunch drain --delay 5s", "tell probes first, then stop")

/* X(verb, option, help): what an option that several verbs have means for this one, where that is not the same. */
#define CLI_OPT_HELP_TBL(X)                                                                                       \
	X(EXPLAIN, SRC, "route: the client's IP address, without a port; or unix")                                \
	X(EXPLAIN, SNI, "route: the name that it asks for")                                                       \
	X(EXPLAIN, LISTENER, "route: where the client connects; not needed where there is one listener")          \
	X(TRACE, LIMIT, "how many connections, 1 to 1000; 20")                                                    \
	X(CONNS, LIMIT, "how many are shown: 40, and with --json all")

/* X(typed, verb, option): what people of other programs type. */
#define CLI_ALIAS_TBL(X)             \
	X("-t", "check", NULL)       \
	X("validate", "check", NULL) \
	X("stop", "drain", NULL)     \
	X("-s reload", "reload", NULL) \
	X("-s quit", "drain", NULL)  \
	X("-T", "config", "show")    \
	X("-v", "version", NULL)     \
	X("-V", "version", "-V")     \
	X("--version", "version", "-V") \
	X("-h", "help", NULL)        \
	X("--help", "help", NULL)

/* X(typed, hint): habits that cannot be obeyed, only answered. */
#define CLI_HINT_TBL(X)                                                                                           \
	X("-c", "to run a file: staunch run -c FILE; to check it: staunch check -c FILE")                         \
	X("-f", "to run a file: staunch run -c FILE; to check it: staunch check -c FILE")                         \
	X("--config", "to run a file: staunch run --config FILE; to check it: staunch check --config FILE")       \
	X("-s", "staunch reload loads the file again, staunch drain stops")                                       \
	X("-D", "it stays in the foreground: leave the background to the service manager or the shell")           \
	X("start", "staunch run -c FILE")                                                                         \
	X("test", "staunch check FILE")

#define CLI_CONFIG_PATH "/etc/staunch/staunch.yaml"
#define CLI_CONFIG_ENV  "STAUNCH_CONFIG"

#endif
