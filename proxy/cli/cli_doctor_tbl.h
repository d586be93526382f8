/* cli_doctor_tbl: what `doctor` looks at, one finding a row, in the order in which it is told. In `why` and `fix` stand
 * for what the probe found: {value}, {wanted}, {subject}, and {file}, {pid} and {socket} for the file, the process and
 * its control socket. A fix is a command, or the line of the file to write.
 *
 *   problem: net.core.somaxconn: 128, wanted 4096           what: value, wanted
 *            The kernel cuts the backlog of web to it ...   why
 *          > sysctl -w net.core.somaxconn=4096              fix
 *
 * A new finding is a row here and its probe in one of cli_doctor_*.c. The probe judges; the row talks, to somebody who
 * was woken up: what happens if nothing is done, then what to type. One probe may serve several rows: it sees by the
 * word of the row that runs which one is meant. The word is what machines read, so it never changes.
 *
 * X(word, what, probe, why, fix) */
#ifndef PROXY_CLI_CLI_DOCTOR_TBL_H
#define PROXY_CLI_CLI_DOCTOR_TBL_H

#define DOCTOR_TBL(X)                                                                                              \
	/* the file, and the process that runs it */ \
	X("check", "the file", doctor_check, "What check says of the file. With an error in it a start or a "      \
	  "reload is refused; a warning is served as written.",                                                    \
	  "staunch check {file}")                                                                                  \
	X("instance", "the control socket", doctor_instance, "A socket is there, but no process answers at it: it "  \
	  "was killed, it hangs, or you may not ask it.",                                                          \
	  "systemctl status staunch")                                                                              \
	X("file", "the file in force", doctor_file, "The running process has not loaded what is on disk. The next "  \
	  "reload or restart changes more than you may think of then.",                                            \
	  "staunch check --against-live {file} && staunch reload")                                                 \
	X("other_file", "the file of the process", doctor_other_file, "The process that answers runs another file "  \
	  "than the one you named: what is told of the process is not about your file.",                           \
	  "staunch doctor -c {value}")                                                                             \
	X("binary", "the program of the process", doctor_binary, "The running process is not the program on disk. "  \
	  "What was mended in the new one is not in force until a restart.",                                       \
	  "systemctl restart staunch")                                                                             \
	/* what the process says of itself: the words are the codes of its warnings */ \
	X("upstream_down", "servers", doctor_warned, "Clients of this upstream are turned away now. Its servers do "   \
	  "not answer, or were drained by hand.",                                                                  \
	  "staunch server; staunch events")                                                                 \
	X("servers_unusable", "servers", doctor_warned, "The others carry their load. They do not answer, or were "    \
	  "drained by hand.",                                                                                      \
	  "staunch server; staunch events")                                                                                        \
	X("panic", "servers", doctor_warned, "Too little of the upstream is usable, so servers that checks or "       \
	  "failures hold out get clients again: some of them fail.",                                               \
	  "staunch server")                                                                                        \
	X("server_failing", "servers", doctor_warned, "Clients were sent to other servers, or turned away where "     \
	  "there is none.",                                                                                        \
	  "staunch conns; staunch events")                                                                 \
	X("limit", "limits", doctor_warned, "Clients wait or are refused, now.",                                    \
	  "staunch status --limits")                                                                               \
	X("limit_near", "limits", doctor_limit_near, "When it is reached, clients wait or are refused.",              \
	  "staunch status --limits")                                                                               \
	X("reload_refused", "the last reload", doctor_warned, "The configuration before it is still in force.",        \
	  "staunch reload")                                                                                        \
	X("state_failed", "the state file", doctor_warned, "A restart would forget which servers were drained.",       \
	  "staunch events")                                                                                        \
	X("log_dropped", "the access log", doctor_warned, "Its disk or its reader is too slow. Connections go on, "     \
	  "their records are missing.",                                                                            \
	  "staunch events; df -h")                                                                          \
	X("warning", "what else the process warns of", doctor_warned_more, "The running process says so.",            \
	  "staunch status")                                                                                 \
	/* certificates, and the clock that they are judged by */ \
	X("certificate", "certificates", doctor_certificate, "Clients refuse {subject} from its end on. One that is "  \
	  "replaced on disk is taken over without a reload.",                                                      \
	  "openssl x509 -in {subject} -noout -subject -enddate")                                                   \
	X("clock", "the clock", doctor_clock, "Nothing keeps the clock right. Certificates are judged by it, and logs "  \
	  "of several machines cannot be joined.",                                                                 \
	  "timedatectl set-ntp true")                                                                              \
	X("clock_behind", "the clock", doctor_clock_behind, "The clock is behind the file {subject}: it is wrong, or "  \
	  "the file's time is. Certificates of today are not valid yet.",                                          \
	  "date; timedatectl set-ntp true")                                                                        \
	/* limits of the process, and queues of the kernel */ \
	X("nofile", "the descriptor limit", doctor_nofile, "A connection takes two descriptors. At the limit clients "  \
	  "wait in the kernel until others have ended.",                                                           \
	  "LimitNOFILE= in the unit, or ulimit -n {wanted}")                       \
	X("somaxconn", "net.core.somaxconn", doctor_somaxconn, "The kernel cuts the backlog of {subject} to it without "  \
	  "a word. In a burst, clients beyond it wait for a second or more.",                                      \
	  "sysctl -w net.core.somaxconn={wanted}")                                                                 \
	X("syn_backlog", "net.ipv4.tcp_max_syn_backlog", doctor_syn_backlog, "Handshakes beyond it are answered with "  \
	  "cookies, which lose TCP options, or without net.ipv4.tcp_syncookies not at all.",                       \
	  "sysctl -w net.ipv4.tcp_max_syn_backlog={wanted}")                                                       \
	/* towards servers, and what the kernel keeps of each connection */ \
	X("ports", "net.ipv4.ip_local_port_range", doctor_ports, "Each connection to {subject} needs a port of ours. "  \
	  "When they are used up, connects fail with EADDRNOTAVAIL. A server's second address doubles them.",      \
	  "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"")                                                 \
	X("ports_used", "ports towards a server", doctor_ports_used, "Connects to {subject} fail with EADDRNOTAVAIL "   \
	  "when they are used up. A server's second address doubles them.",                                        \
	  "sysctl -w net.ipv4.ip_local_port_range=\"1024 65535\"")                                                 \
	X("conntrack", "net.netfilter.nf_conntrack_max", doctor_conntrack, "A relayed connection takes two entries. "   \
	  "When the table is full the kernel drops new connections without a word to us.",                         \
	  "sysctl -w net.netfilter.nf_conntrack_max={wanted}")                                                     \
	X("conntrack_used", "entries of conntrack", doctor_conntrack_used, "When the table is full the kernel drops "   \
	  "new connections, and only its own log says so.",                                                        \
	  "sysctl -w net.netfilter.nf_conntrack_max={wanted}")                                                     \
	/* control groups */ \
	X("cpu", "workers", doctor_cpu, "The control group allows less processor time than there are workers: they "    \
	  "are stopped for parts of each 100 ms, all connections with them.",                                      \
	  "workers: auto in the file, or CPUQuota= of the unit")                                                     \
	X("memory", "the memory limit", doctor_memory, "The control group's limit is below what the connections of the "  \
	  "file may take, idle ones at that. The kernel then kills the process, and all connections with it.",     \
	  "limits.max_connections: {subject}, or MemoryMax= of the unit")                                \
	/* memory and pipes */ \
	X("thp", "transparent_hugepage/enabled", doctor_thp, "Pages of 2 MiB grow around small objects: the process "   \
	  "may take many times the memory it needs, and stalls while the kernel joins pages.",                     \
	  "echo madvise > /sys/kernel/mm/transparent_hugepage/enabled")                                            \
	X("pipe_size", "fs.pipe-max-size", doctor_pipe_size, "A pipe that small is not worth it: bulk transfers are "   \
	  "copied through the process instead of inside the kernel.",                                              \
	  "sysctl -w fs.pipe-max-size={wanted}")                                                                   \
	X("pipe_pages", "fs.pipe-user-pages-soft", doctor_pipe_pages, "So much all pipes of one user may hold. Beyond "  \
	  "it, bulk transfers are copied through the process instead of inside the kernel.",                       \
	  "sysctl -w fs.pipe-user-pages-soft={wanted}")                                                            \
	X("maps", "vm.max_map_count", doctor_maps, "This kernel guards each coroutine's stack by a mapping of its own. "  \
	  "When they are used up, connections end with \"internal\".",                                             \
	  "sysctl -w vm.max_map_count={wanted}")                                                                   \
	/* the kernel itself */ \
	X("feature", "features of the kernel", doctor_feature, "{subject} A newer kernel has it; a sandbox may forbid it.", \
	  "uname -r; systemctl cat staunch")                                                           \
	X("sandbox", "the sandbox of the process", doctor_sandbox, "The process may use every file that its user may: "  \
	  "sandbox.landlock is false, or its kernel or unit forbids the calls.",                                   \
	  "staunch explain sandbox.landlock; systemctl cat staunch")                                                \
	X("congestion", "net.ipv4.tcp_congestion_control", doctor_congestion, "On paths that lose packets or are far "  \
	  "away, reno takes many times longer than {wanted} to use what the path has.",                            \
	  "sysctl -w net.ipv4.tcp_congestion_control={wanted}")                                                    \
	/* files that others may fill or open */ \
	X("disk", "room on the disk", doctor_disk, "When it is full, records of {subject} are lost.",                  \
	  "df -h {subject}; rotate or move it")                                                                    \
	X("socket_mode", "the control socket's mode", doctor_socket_mode, "The peer's identity is asked as well, but "  \
	  "a socket that others may open lets them take the places of operators.",                                 \
	  "chmod {wanted} {subject}")                                                                              \
	X("socket_directory", "its directory's mode", doctor_socket_directory, "Whoever may write there can put a "     \
	  "socket of his own in its place, and be asked in its stead.",                                            \
	  "chmod o-w {subject}")

#endif
