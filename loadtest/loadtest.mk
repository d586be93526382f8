# loadtest.mk: the load test's programs and commands. The Makefile includes it.

GEN_OBJ   := $(filter-out %/main.o,$(call src,loadtest/gen/*.c))
GEN_BIN   := $(O)/loadtest/gen/gen
FLOOR_BIN := $(call bin,loadtest/floor/floor_*.c)

.PHONY: loadtest bench bench-quick bench-failover bench-upgrade bench-programs gates

# These programs share no code with the proxy, so they share none of its mistakes.
$(O)/libgen.a: $(GEN_OBJ)
$(GEN_BIN): $(O)/loadtest/gen/main.o $(O)/libgen.a
$(FLOOR_BIN): $(O)/%: $(O)/%.o $(O)/loadtest/floor/floor.o
$(O)/loadtest/floor/floor_uring: $(O)/loadtest/floor/ring.o
$(GEN_BIN) $(FLOOR_BIN):
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm
loadtest: $(GEN_BIN) $(FLOOR_BIN)

bench-programs:
	@deploy/install-deps.sh bench
	$(SUBMAKE) BUILD=release build/staunch loadtest
bench: bench-programs                                ## install what is missing, build, compare with nginx and HAProxy
	@loadtest/bench/bench.py $(BENCH_ARGS)
bench-quick: bench-programs                          ## the same in two minutes; BENCH_ARGS="--only keepalive-64"
	@loadtest/bench/bench.py --quick $(BENCH_ARGS)
bench-failover: bench-programs                       ## what clients suffer while a server fails; BENCH_ARGS="--rate 50"
	@loadtest/bench/failover.py $(BENCH_ARGS)
bench-upgrade:                                       ## ten upgrades under load: how long pieces took while all moved
	$(SUBMAKE) BUILD=release build/staunch loadtest
	$(SUBMAKE) BUILD=test build/test/tests/flow/process_upgrade_load_test
	@UPGRADE_LOAD=full UPGRADE_GEN=build/release/loadtest/gen/gen STAUNCH=build/staunch \
		build/test/tests/flow/process_upgrade_load_test
gates:                                               ## count instructions, system calls, memory; compare with gates.json
	$(SUBMAKE) BUILD=release build/staunch loadtest
	@loadtest/bench/gates.py $(GATES_ARGS)
