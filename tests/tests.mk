# The tests: what is built, how it is linked, and the targets that run it. Included by the Makefile; tests/README.md says
# what each kind is for.

KIT_OBJ      := $(call src,tests/kit/*.c)
FLOWKIT_OBJ  := $(call src,tests/flow/kit/*.c)
UNIT_BIN     := $(call bin,tests/unit/*/*_test.c tests/unit/*/*/*_test.c)
SIM_BIN      := $(call bin,tests/sim/*_test.c)
FLOW_BIN     := $(call bin,tests/flow/*_test.c)
FAULTS_BIN   := $(call bin,tests/faults/*_test.c)
MICRO_BIN    := $(call bin,tests/micro/*.c)
FUZZ_BIN     := $(call bin,tests/fuzz/*_fuzz.c)
SOAK_BIN     := $(O)/tests/chaos/soak
INNOCENT_BIN := $(O)/tests/innocent/innocent
EXACT_BIN    := $(call bin,tests/exact/*_test.c)

# ---- building ----

# Tests run in the test variant unless BUILD names another. The flow tests then drive that variant's binary;
# in the test variant they drive the one users get.
KINDS   ?= unit sim flow
VARIANT := $(if $(filter release fuzz,$(BUILD)),test,$(BUILD))
BINARY  := $(if $(filter test,$(VARIANT)),build/staunch,build/$(VARIANT)/staunch)

$(O)/libkit.a:     $(KIT_OBJ)
$(O)/libflowkit.a: $(FLOWKIT_OBJ)

# Tests stand on the main thread's stack, the kit's peers on a thread's: neither is a coroutine's.
$(O)/tests/%.o: CFLAGS += -Wframe-larger-than=16384
$(O)/tests/kit/%.o: CFLAGS += -Wframe-larger-than=131072

$(filter $(O)/tests/unit/netpoll/% $(O)/tests/unit/kit/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/config/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libconfig.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/proxy/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/loadtest/%,$(UNIT_BIN)): $(O)/libgen.a
$(O)/tests/sim/closer_sim_test: $(O)/libproxy.a $(O)/libconfig.a
$(SIM_BIN): $(O)/libkit.a $(O)/libfake.a
$(EXACT_BIN): $(call src,tests/exact/exact_*.c)
$(FLOW_BIN) $(FAULTS_BIN) $(EXACT_BIN): $(O)/libflowkit.a $(O)/libkit.a $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(filter-out %/acl %/histogram %/pick %/source %/walk,$(MICRO_BIN)): $(O)/libnetpoll.a
$(filter %/acl %/histogram %/pick %/source %/walk,$(MICRO_BIN)): $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(FUZZ_BIN): $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(UNIT_BIN) $(SIM_BIN) $(FLOW_BIN) $(FAULTS_BIN) $(EXACT_BIN): PROGRAM_LIBS := -lcmocka
$(filter $(O)/tests/unit/loadtest/%,$(UNIT_BIN)): PROGRAM_LIBS := -lcmocka -lm
$(FUZZ_BIN): PROGRAM_LIBS := -fsanitize=fuzzer
$(SOAK_BIN): $(filter-out %/soak.o,$(call src,tests/chaos/*.c)) $(O)/libkit.a $(O)/libproxy.a $(O)/libconfig.a \
	$(O)/libnetpoll.a
$(INNOCENT_BIN): $(O)/tests/innocent/guests.o $(O)/libkit.a $(O)/libnetpoll.a
$(SOAK_BIN) $(INNOCENT_BIN): PROGRAM_LIBS := -lcmocka
$(UNIT_BIN) $(SIM_BIN) $(FLOW_BIN) $(FAULTS_BIN) $(MICRO_BIN) $(FUZZ_BIN) $(SOAK_BIN) $(INNOCENT_BIN) $(EXACT_BIN): $(O)/%: $(O)/%.o
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $(filter %.o %.a,$^) $(PROGRAM_LIBS) $(LIBS)

# The library that makes calls fail goes into the program under test, whatever that was built with: no sanitizer in it.
$(O)/tests/faults.so: tests/faults/preload.c
	@mkdir -p $(@D); echo "  LD      $@"
	$(Q)$(CC) $(CPPFLAGS) -std=gnu11 $(filter-out -Wframe%,$(WARN)) -O1 -g -fPIC -ftls-model=initial-exec -fno-builtin \
		-shared -o $@ $<

tests-unit: $(UNIT_BIN)
tests-sim:  $(SIM_BIN)
tests-flow: $(FLOW_BIN) $(BINARY)
tests-faults: $(FAULTS_BIN) $(BINARY) $(O)/staunch $(O)/tests/faults.so
tests-exact: $(EXACT_BIN) $(BINARY)
fuzzers:    $(FUZZ_BIN)
micros:     $(MICRO_BIN)
soaker:     $(SOAK_BIN) $(BINARY)
innocents:  $(INNOCENT_BIN) $(BINARY)

# ---- running ----

# What gcov writes at the end of a process is below a directory that its sandbox leaves to it.
ifeq ($(BUILD),cov)
export LOGS_DIRECTORY := $(CURDIR)/$(O)
endif

# help: KINDS="unit sim flow"                          which kinds check runs
# help: FILTER=word                                    only test programs with that word in their path
# help: FUZZ_SECONDS=20                                how long each fuzzer runs
define run_tests
	$(SUBMAKE) BUILD=$(VARIANT) $(1:%=tests-%)
	@STAUNCH=$(BINARY) tests/run.sh build/$(VARIANT) $(1)
endef

check:          ## every test, nothing installed; BUILD=asan, KINDS="unit sim"
	$(call run_tests,$(KINDS))
unit:           ## one kind of test; FILTER=word runs the programs with that word in their path
	$(call run_tests,unit)
sim:            ## runs of the whole core on the scripted platform
	$(call run_tests,sim)
flow:           ## the real binary with real peers
	$(call run_tests,flow)
asan:           ## every test under AddressSanitizer and UndefinedBehaviorSanitizer
	$(SUBMAKE) BUILD=asan check
tsan:           ## unit and sim tests under ThreadSanitizer
	$(SUBMAKE) BUILD=tsan KINDS="unit sim" check
ubsan:          ## unit and sim tests under UndefinedBehaviorSanitizer alone
	$(SUBMAKE) BUILD=ubsan KINDS="unit sim" check
cov:            ## every test with gcov; lines covered, per file
	$(SUBMAKE) BUILD=cov check
	@tests/cov.sh build/cov

FUZZ_SECONDS ?= 20
fuzz:           ## each fuzzer for FUZZ_SECONDS (20) on its corpus
	$(SUBMAKE) BUILD=fuzz fuzzers
	@tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS)
# help: SECONDS=60 SEED=n STREAMS=n                    of make soak: how long, the plans of another run, streams at a time
SECONDS ?= 60
faults:         ## every system call and malloc of a start and of connections fails once; FAULTS=all tries each
	$(call run_tests,faults)
# help: CONNECTIONS=20000 EXACT_SEED=n                 of make exact: how many; the plans of another run
CONNECTIONS ?= 20000
exact:          ## limits of servers, counted at the servers, over CONNECTIONS (20,000); BUILD=tsan
	$(SUBMAKE) BUILD=$(VARIANT) tests-exact
	@EXACT_CONNECTIONS=$(CONNECTIONS) STAUNCH=$(BINARY) tests/run.sh build/$(VARIANT) exact
soak:           ## the real binary under streams and disturbances for SECONDS (60); BUILD=asan, tsan; SEED=n again
	$(SUBMAKE) BUILD=$(VARIANT) soaker
	@SEED=$(SEED) STAUNCH=$(BINARY) build/$(VARIANT)/tests/chaos/soak $(SECONDS) $(STREAMS)
innocent:       ## no server is blamed for what its clients do, for SECONDS (60), on a machine that is busy; HOGS=n
	$(SUBMAKE) BUILD=$(VARIANT) innocents
	@STAUNCH=$(BINARY) build/$(VARIANT)/tests/innocent/innocent $(SECONDS)
micro:          ## one number each: switch, timer, poll cache ...
	$(SUBMAKE) BUILD=release micros
	@set -e; for m in $(wildcard tests/micro/*.c); do build/release/$${m%.c}; done

# ---- before a commit ----

lint: build/staunch ## layers, calls, words, names, mistakes, sizes, tests by name, layout, hardening
	@tests/lint/run.sh
fmt:            ## lay the sources out
	@tests/lint/fmt.py fmt
fmt-check:      ## say which sources are not laid out
	@tests/lint/fmt.py fmt-check
hooks:          ## have git run the quick lints before each commit
	@ln -sf "$(CURDIR)/tests/lint/pre-commit" "$$(git rev-parse --git-path hooks)/pre-commit" && echo "git runs tests/lint/pre-commit before each commit"
compile_commands: ## write compile_commands.json, for clangd and other tools that read it
	@$(MAKE) --no-print-directory -nkB V=1 BUILD=test all tests-unit tests-sim tests-flow | tests/lint/compile_commands.py
watch:          ## build and run the unit tests of each source that is saved, until Ctrl-C
	@tests/watch.sh

.PHONY: check unit sim flow asan tsan ubsan cov fuzz fuzzers micro micros lint fmt fmt-check hooks compile_commands watch \
        faults soak soaker innocent innocents exact tests-exact tests-unit tests-sim tests-flow tests-faults
