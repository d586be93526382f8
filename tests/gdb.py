"""gdb.py: what a process or core of staunch is doing, seen through gdb.

    gdb -p PID -batch -x tests/gdb.py -ex 'np gs' -ex 'np bt'
    gdb build/staunch core -x tests/gdb.py

    np workers               one line per worker
    np gs                    every coroutine and task, its state, and what it waits for
    np bt [ADDRESS]          backtraces of the coroutines that are parked or queued, equal ones together; or of one
    np stacks                the census: how deep each coroutine stands, and how deep its stack was ever used
    np fds                   every open pollDesc, its words by name, its deadlines
    np list HEAD TYPE MEMBER the owners on an intrusive list: np list &shard->conns struct conn link

A coroutine that does not run is on no thread, so gdb alone never shows it. It left its registers on its stack, in the
order that netpoll/ctx_amd64.S and ctx_arm64.S draw. An unwinder of our own says so to gdb: while a coroutine is looked
at, the caller of the selected thread's innermost frame is the place where the coroutine stopped. Nothing in the process
is changed, so this works with a core, too. Build and sources must be the ones that made the core."""
import re

import gdb
import gdb.unwinder

G_STATES = {0: "idle", 1: "queued", 2: "running", 3: "dead"}  # enum g_state
G_MAGIC, PD_MAGIC, STACK_USED = 0x47A51C3E, 0x9D5C, 0x6B617473
G_CORO = 0
PD_WORDS = {0: "nil", 1: "ready", 2: "wait"}
PD_BITS = ("closing", "everr", "hup", "failed", "error", "registered", "muted", "shared")
POLLCACHE_SLAB = 1024
NO_WORKER = 0xFFFF  # the id of a loop that np_run started
COLOURS, COLOUR_STEP, COLOUR_BYTES = 28, 11, 128  # stack.c: arena_stack()

# What ctx_swap leaves at sp, in words: register and place; how long the block is; where the place to go on is in it.
SAVED = {
    "i386:x86-64": ({"r15": 0, "r14": 1, "r13": 2, "r12": 3, "rbx": 4, "rbp": 5}, 7, 6, "rip", "rsp"),
    "aarch64": ({"x29": 0, **{f"x{19 + i}": 2 + i for i in range(10)}}, 20, 1, "pc", "sp"),
}


# ---- types and memory ----------------------------------------------------------------------------


def pointer(name):
    return gdb.lookup_type(name).pointer()


def at(address, name):
    """The struct at this address."""
    return gdb.Value(int(address)).cast(pointer(name)).dereference()


def offset(name, member):
    return next(f.bitpos // 8 for f in gdb.lookup_type(name).fields() if f.name == member)


def text(value):
    return value.string() if int(value) != 0 else "?"


def word(address):
    return int(gdb.Value(int(address)).cast(gdb.lookup_type("unsigned long").pointer()).dereference())


# ---- workers -------------------------------------------------------------------------------------


def of_thread():
    """The struct sched of the selected thread: sched.c keeps it in a thread-local."""
    for symbol in gdb.lookup_static_symbols("self"):
        if str(symbol.type.strip_typedefs().unqualified()) == "struct sched *":
            return int(symbol.value())
    return 0


def of_frames():
    """The same from the loop's own variable, where thread-locals cannot be read (a core from another system)."""
    frame = gdb.newest_frame()
    while frame is not None:
        block = frame.block() if frame.function() is not None else []
        for symbol in block:
            if symbol.is_variable or symbol.is_argument:
                if str(symbol.type) == "struct np_worker *" and not symbol.value(frame).is_optimized_out:
                    return int(symbol.value(frame)) + offset("struct np_worker", "sched")
        frame = frame.older()
    return 0


def workers():
    """(thread, worker) of each, in order of their ids. The selected thread stays as it was."""
    before, found = gdb.selected_thread(), {}
    for thread in gdb.selected_inferior().threads():
        thread.switch()
        sched = 0
        for way in (of_thread, of_frames):
            try:
                sched = sched or way()
            except (gdb.error, RuntimeError):
                pass
        if sched:
            w = at(sched - offset("struct np_worker", "sched"), "struct np_worker")
            found[int(w["sched"]["id"])] = (thread, w)
    before.switch()
    if not found:
        raise gdb.GdbError("no worker found: is this staunch, with its debug information?")
    return [found[i] for i in sorted(found)]


def name(w):
    """The control thread runs a worker's loop too, without a number of its own."""
    number = int(w["sched"]["id"])
    return "control" if number == NO_WORKER else f"worker {number}"


def coroutines(w):
    """Every struct coro that lives, found on its stack: the pool knows them all."""
    pool = w["sched"]["stacks"]
    size, page = int(pool["size"]), int(pool["page"])
    coro = gdb.lookup_type("struct coro")
    arena = pool["arenas"]
    while int(arena) != 0:
        for i in range(int(arena["carved"])):
            if int(arena["cold"][i // 64]) >> i % 64 & 1:
                continue
            top = int(arena["slots"]) + (i + 1) * size - i * COLOUR_STEP % COLOURS * COLOUR_BYTES
            stack = at(top - gdb.lookup_type("struct stack").sizeof, "struct stack")
            if int(stack["magic"]) != STACK_USED:
                continue
            lo = int(arena["slots"]) + i * size + page
            co = at(lo + ((int(stack.address) - lo - coro.sizeof) & ~63), "struct coro")  # sched_go()
            if int(co["g"]["magic"]) == G_MAGIC:
                yield co
        arena = arena["next"]


def polldescs(w):
    """Every pollDesc that is open."""
    cache = w["np"]["cache"]
    for i in range(int(cache["fresh"])):
        pd = cache["slab"][i // POLLCACHE_SLAB][i % POLLCACHE_SLAB]
        if int(pd["fd"]) >= 0:
            yield pd


def queue(w):
    g = w["sched"]["runq"]["head"]
    while int(g) != 0:
        yield g.dereference()
        g = g["link"]


# ---- one G -----------------------------------------------------------------------------------------


def waits(w):
    """What the poller will wake: address of a G -> ["read of fd 7", ...]."""
    found = {}
    for pd in polldescs(w):
        for name, what in (("rg", "read"), ("wg", "write")):
            if int(pd[name]) > 2:
                found.setdefault(int(pd[name]), []).append(f"{what} of fd {int(pd['fd'])}")
    return found


def tasks(w, found):
    """The tasks somebody holds: in a pollDesc's word, or in the run queue."""
    seen = {}
    for address in found:
        seen[address] = at(address, "struct np_g")
    for g in queue(w):
        seen[int(g.address)] = g
    return [g for g in seen.values() if int(g["magic"]) == G_MAGIC and int(g["kind"]) != G_CORO]


def said(g, found, more=""):
    what = ", ".join(found.get(int(g.address), []))
    state = G_STATES.get(int(g["state"]), "?")
    kind = "coroutine" if int(g["kind"]) == G_CORO else "task"
    return f"  {kind:9} {int(g.address):#x}  {text(g['type']['name']):12} {state:8} {what or more}".rstrip()


# ---- backtraces ------------------------------------------------------------------------------------


class FrameId:
    def __init__(self, sp, pc):
        self.sp, self.pc = sp, pc


class ParkedUnwinder(gdb.unwinder.Unwinder):
    """While `sp` is set, the coroutine that stopped there is the caller of the thread's innermost frame, `below`."""

    def __init__(self):
        super().__init__("staunch coroutine")
        self.sp = self.below = None

    def __call__(self, pending):
        if self.sp is None:
            return None
        places, length, resume, pc, sp = SAVED[pending.architecture().name()]
        if int(pending.read_register(sp)) != self.below:
            return None
        number = gdb.lookup_type("unsigned long")
        saved = {name: word(self.sp + 8 * i) for name, i in places.items()}
        saved[pc], saved[sp] = word(self.sp + 8 * resume), self.sp + 8 * length
        info = pending.create_unwind_info(FrameId(gdb.Value(self.sp), gdb.Value(saved[pc])))
        for name, value in saved.items():
            info.add_saved_register(name, gdb.Value(value).cast(number))
        return info


UNWINDER = ParkedUnwinder()
gdb.unwinder.register_unwinder(None, UNWINDER, replace=True)


def backtrace(co, thread):
    """The lines of a coroutine that does not run, innermost first."""
    before, lines = gdb.selected_thread(), []
    thread.switch()
    frame = gdb.newest_frame()
    sp = SAVED[frame.architecture().name()][4]
    UNWINDER.sp, UNWINDER.below = int(co["ctx"]["sp"]), int(frame.read_register(sp))
    gdb.invalidate_cached_frames()
    try:
        frame = gdb.newest_frame()
        while frame is not None and int(frame.read_register(sp)) == UNWINDER.below:
            frame = frame.older()
        while frame is not None:
            sal = frame.find_sal()
            where = f" at {sal.symtab.filename}:{sal.line}" if sal.symtab else ""
            lines.append(f"    #{len(lines):<2} {frame.pc():#x} in {frame.name() or '??'}{where}")
            frame = frame.older()
    finally:
        UNWINDER.sp = None
        gdb.invalidate_cached_frames()
        before.switch()
    return lines


# ---- commands --------------------------------------------------------------------------------------


class Np(gdb.Command):
    """Coroutines, tasks and descriptors of staunch: np workers, gs, bt, stacks, fds, list."""

    def __init__(self):
        super().__init__("np", gdb.COMMAND_STACK, prefix=True)


class NpWorkers(gdb.Command):
    """One line per worker."""

    def __init__(self):
        super().__init__("np workers", gdb.COMMAND_STACK)

    def invoke(self, _arg, _tty):
        for thread, w in workers():
            s, stacks = w["sched"], w["sched"]["stacks"]
            cache = w["np"]["cache"]
            doing = "polls" if int(w["asleep"]) else f"runs {text(s['running'])}"
            print(f"{name(w)} (thread {thread.num}): {doing}; {int(s['coros'])} coroutines, {int(s['queued'])} queued, "
                  f"{int(cache['used'])} descriptors, {int(w['turns'])} turns, {int(s['runs'])} runs; "
                  f"stacks: {int(stacks['mapped'])} made, {int(stacks['in_use'])} in use")


class NpGs(gdb.Command):
    """Every coroutine and task of every worker, its state, and what it waits for."""

    def __init__(self):
        super().__init__("np gs", gdb.COMMAND_STACK)

    def invoke(self, _arg, _tty):
        for thread, w in workers():
            found = waits(w)
            print(f"{name(w)} (thread {thread.num}):")
            for co in coroutines(w):
                idle = "a timer or event: see np bt" if int(co["g"]["state"]) == 0 else ""
                print(said(co["g"], found, idle))
            for g in tasks(w, found):
                print(said(g, found))


class NpBt(gdb.Command):
    """np bt [ADDRESS]: backtraces of the coroutines that do not run, or of the one at this address."""

    def __init__(self):
        super().__init__("np bt", gdb.COMMAND_STACK)

    def invoke(self, arg, _tty):
        only = int(gdb.parse_and_eval(arg)) if arg else None
        alike = {}  # a thousand coroutines often stand in three places: each place is printed once
        for thread, w in workers():
            found = waits(w)
            for co in coroutines(w):
                if only in (None, int(co["g"].address)) and G_STATES.get(int(co["g"]["state"])) != "running":
                    alike.setdefault("\n".join(backtrace(co, thread)), []).append(name(w) + said(co["g"], found))
        for trace, heads in alike.items():
            print("\n".join(heads) + "\n" + trace)


class NpStacks(gdb.Command):
    """The census: bytes each coroutine uses now, and the most that its stack was ever used for, by its pages."""

    def __init__(self):
        super().__init__("np stacks", gdb.COMMAND_STACK)

    @staticmethod
    def deepest(lo, top):
        """A fresh page is zero, so the lowest byte that is not was the deepest use. A page that is absent is fresh."""
        memory = gdb.selected_inferior()
        for page in range(lo, top, 4096):
            try:
                part = bytes(memory.read_memory(page, min(4096, top - page)))
            except gdb.MemoryError:
                continue
            if part.strip(b"\0"):
                return top - page - (len(part) - len(part.lstrip(b"\0")))
        return 0

    def invoke(self, _arg, _tty):
        for _, w in workers():
            for co in coroutines(w):
                lo, top = int(co["stack"]["lo"]), int(co["stack"])
                now = top - int(co["ctx"]["sp"])
                print(f"{name(w):9} {int(co['g'].address):#x}  {text(co['g']['type']['name']):12} {now:7} bytes now, "
                      f"{self.deepest(lo, top):7} at most, of {top - lo}")


class NpFds(gdb.Command):
    """Every open pollDesc: descriptor, words by name, deadlines in milliseconds from now, bits that are set."""

    def __init__(self):
        super().__init__("np fds", gdb.COMMAND_STACK)

    @staticmethod
    def deadline(value, now):
        if value == 0:
            return "none"
        return "passed" if value < 0 else f"{(value - now) // 1000000:+d} ms"

    @staticmethod
    def who(value):
        if value in PD_WORDS:
            return PD_WORDS[value]
        g = at(value, "struct np_g")
        return f"{text(g['type']['name'])} {value:#x}" if int(g["magic"]) == G_MAGIC else f"broken {value:#x}"

    def invoke(self, _arg, _tty):
        for _, w in workers():
            now = int(w["np"]["now"])
            print(f"{name(w)}:")
            for pd in polldescs(w):
                bits = " ".join(b for b in PD_BITS if int(pd[b]))
                bad = "" if int(pd["magic"]) == PD_MAGIC else " BROKEN"
                print(f"  fd {int(pd['fd']):<5} rg {self.who(int(pd['rg'])):24} wg {self.who(int(pd['wg'])):24} "
                      f"rd {self.deadline(int(pd['rd']), now)}, wd {self.deadline(int(pd['wd']), now)}; {bits}{bad}")


class NpList(gdb.Command):
    """np list HEAD TYPE MEMBER: the owners on an intrusive list (struct list) whose head HEAD points at."""

    def __init__(self):
        super().__init__("np list", gdb.COMMAND_DATA)

    def invoke(self, arg, _tty):
        words = re.fullmatch(r"(.+?)\s+((?:struct )?\w+)\s+(\w+)", arg.strip())
        if not words:
            raise gdb.GdbError("np list HEAD TYPE MEMBER: np list &shard->conns struct conn link")
        head, owner = gdb.parse_and_eval(words[1]), words[2]
        node, n = head["next"], 0
        while int(node) != int(head):
            print(f"  ({owner} *) {int(node) - offset(owner, words[3]):#x}")
            node, n = node["next"], n + 1
        print(f"{n} on the list")


for command in (Np, NpWorkers, NpGs, NpBt, NpStacks, NpFds, NpList):
    command()
