# loadtest.mk: the load test's programs and commands. The Makefile includes it.

GEN_OBJ   := $(filter-out %/main.o,$(call src,loadtest/gen/*.c))
GEN_BIN   := $(O)/loadtest/gen/gen
FLOOR_BIN := $(call bin,loadtest/floor/floor_*.c)

.PHONY: loadtest bench bench-quick gates

# These programs share no code with the proxy, so they share none of its mistakes.
$(O)/libgen.a: $(GEN_OBJ)
$(GEN_BIN): $(O)/loadtest/gen/main.o $(O)/libgen.a
$(FLOOR_BIN): $(O)/%: $(O)/%.o $(O)/loadtest/floor/floor.o
$(O)/loadtest/floor/floor_uring: $(O)/loadtest/floor/ring.o
$(GEN_BIN) $(FLOOR_BIN):
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm
loadtest: $(GEN_BIN) $(FLOOR_BIN)

define bench_run
	@deploy/install-deps.sh bench
	$(SUBMAKE) BUILD=release build/staunch loadtest
	@loadtest/bench/bench.py $(BENCH_MODE) $(BENCH_ARGS)
endef
bench:                                               ## install what is missing, build, compare with nginx and HAProxy
	$(bench_run)
bench-quick: BENCH_MODE := --quick
bench-quick:                                         ## the same in two minutes; BENCH_ARGS="--only keepalive-64"
	$(bench_run)
gates:                                               ## count instructions, system calls, memory; compare with gates.json
	$(SUBMAKE) BUILD=release build/staunch loadtest
	@loadtest/bench/gates.py $(GATES_ARGS)
