# staunch: one Makefile, not recursive. `make help` lists the targets.
# BUILD names the kind of build; each has its own directory, so they live side by side:
#   release  what users run: optimised, hardened, mimalloc, system calls direct
#   test     assertions on, system calls and clock through the hook table
#   asan     test + AddressSanitizer + UndefinedBehaviorSanitizer      tsan  test + ThreadSanitizer
#   ubsan    test + UndefinedBehaviorSanitizer alone                   cov   test + gcov
#   fuzz     asan by clang, with libFuzzer's coverage feedback
# V=1 prints the commands.

BUILD ?= release
O     := build/$(BUILD)
Q     := $(if $(V),,@)
ifeq ($(BUILD),fuzz)
CC := clang-14
endif
# make's own default is cc, which ?= would keep
ifeq ($(origin CC),default)
CC := gcc
endif

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla \
        -Wwrite-strings -Wpointer-arith -Wframe-larger-than=2048
HARD := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-plt
TESTDEFS := -DNP_DEBUG -DNP_HOOKS

CFLAGS_release := -O2 -g -flto=auto -ffat-lto-objects $(HARD)
CFLAGS_test    := -O1 -g -fPIE $(TESTDEFS)
CFLAGS_asan    := -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all $(TESTDEFS)
CFLAGS_ubsan   := -O1 -g -fPIE -fsanitize=undefined -fno-sanitize-recover=all $(TESTDEFS)
CFLAGS_tsan    := -O1 -g -fPIE -fsanitize=thread $(TESTDEFS)
CFLAGS_fuzz    := -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=fuzzer-no-link,address,undefined \
                  -fno-sanitize-recover=all $(TESTDEFS)
CFLAGS_cov     := -O0 -g -fPIE --coverage $(TESTDEFS)
LDFLAGS_release := -pie -O2 -flto=auto -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_test    := -pie
LDFLAGS_asan    := -pie -fsanitize=address,undefined
LDFLAGS_ubsan   := -pie -fsanitize=undefined
LDFLAGS_tsan    := -pie -fsanitize=thread
LDFLAGS_fuzz    := -pie -fsanitize=address,undefined
LDFLAGS_cov     := -pie --coverage
# Its malloc must win over libc's; with link-time optimisation the linker learns of the calls too late to see it as needed.
LIBS_release    := -Wl,--push-state,--no-as-needed -lmimalloc -Wl,--pop-state

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS := -D_GNU_SOURCE -iquote . -MMD -MP
CFLAGS   := -std=gnu11 -pthread $(WARN) $(CFLAGS_$(BUILD))
LDFLAGS  := -pthread -Wl,--as-needed $(LDFLAGS_$(BUILD))
LIBS     := -lyaml -lssl -lcrypto $(LIBS_$(BUILD))
ARCH     := $(shell uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')

src = $(patsubst %,$(O)/%.o,$(basename $(wildcard $(1))))
bin = $(patsubst %.c,$(O)/%,$(wildcard $(1)))
NETPOLL_ALL  := $(call src,netpoll/*.c netpoll/ctx_$(ARCH).S)
# The platform file is the linker's choice: epoll for real, the scripted fake for the simulations.
NETPOLL_OBJ  := $(filter-out %/netpoll_fake.o,$(NETPOLL_ALL))
FAKE_OBJ     := $(filter-out %/netpoll_epoll.o,$(NETPOLL_ALL))
CONFIG_OBJ   := $(call src,config/*.c)
PROXY_OBJ    := $(filter-out %/main.o,$(call src,proxy/*.c))
KIT_OBJ      := $(call src,tests/kit/*.c)
FLOWKIT_OBJ  := $(call src,tests/flow/kit/*.c)
UNIT_BIN     := $(call bin,tests/unit/*/*_test.c)
SIM_BIN      := $(call bin,tests/sim/*_test.c)
FLOW_BIN     := $(call bin,tests/flow/*_test.c)
MICRO_BIN    := $(call bin,tests/micro/*.c)
FUZZ_BIN     := $(call bin,tests/fuzz/*_fuzz.c)
GEN_OBJ      := $(filter-out %/main.o,$(call src,loadtest/gen/*.c))
FLOOR_BIN    := $(call bin,loadtest/floor/floor_*.c)

.DEFAULT_GOAL := all
.PHONY: all deps demo test check unit sim flow asan ubsan tsan lint fmt fmt-check fuzz micro cov bench bench-quick \
        gates install uninstall clean help tests-unit tests-sim tests-flow fuzzers micros loadtest FORCE
.DELETE_ON_ERROR:

all: build/staunch build/libnetpoll.a                ## build build/staunch and build/libnetpoll.a

ifeq ($(BUILD),release)
build/staunch: $(O)/staunch
	@ln -sf release/staunch $@
build/libnetpoll.a: $(O)/libnetpoll.a
	@ln -sf release/libnetpoll.a $@
else
build/staunch build/libnetpoll.a: FORCE
	@$(MAKE) --no-print-directory BUILD=release $@
endif

# Archives in the order of the layers; each kind of program links the ones it tests and no others.
$(O)/staunch: $(O)/proxy/main.o $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/libnetpoll.a: $(NETPOLL_OBJ)
$(O)/libfake.a:    $(FAKE_OBJ)
$(O)/libconfig.a:  $(CONFIG_OBJ)
$(O)/libproxy.a:   $(PROXY_OBJ)
$(O)/libkit.a:     $(KIT_OBJ)
$(O)/libflowkit.a: $(FLOWKIT_OBJ)
$(O)/libgen.a:     $(GEN_OBJ)
$(O)/lib%.a:
	@mkdir -p $(@D); echo "  AR      $@"; rm -f $@
	$(Q)$(AR) rcs $@ $^

# Tests stand on the main thread's stack, the kit's peers on a thread's: neither is a coroutine's.
$(O)/tests/%.o: CFLAGS += -Wframe-larger-than=16384
$(O)/tests/kit/%.o: CFLAGS += -Wframe-larger-than=131072

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA_$<) -c -o $@ $<
$(O)/%.o: %.S Makefile
	@mkdir -p $(@D); echo "  AS      $<"
	$(Q)$(CC) $(CPPFLAGS) -c -o $@ $<

$(filter $(O)/tests/unit/netpoll/% $(O)/tests/unit/kit/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/config/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libconfig.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/proxy/%,$(UNIT_BIN)): $(O)/libkit.a $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(filter $(O)/tests/unit/loadtest/%,$(UNIT_BIN)): $(O)/libgen.a
$(SIM_BIN): $(O)/libkit.a $(O)/libfake.a
$(FLOW_BIN): $(O)/libflowkit.a $(O)/libkit.a $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(MICRO_BIN): $(O)/libnetpoll.a
$(FUZZ_BIN): $(O)/libproxy.a $(O)/libconfig.a $(O)/libnetpoll.a
$(UNIT_BIN) $(SIM_BIN) $(FLOW_BIN): PROGRAM_LIBS := -lcmocka
$(filter $(O)/tests/unit/loadtest/%,$(UNIT_BIN)): PROGRAM_LIBS := -lcmocka -lm
$(FUZZ_BIN): PROGRAM_LIBS := -fsanitize=fuzzer
$(UNIT_BIN) $(SIM_BIN) $(FLOW_BIN) $(MICRO_BIN) $(FUZZ_BIN): $(O)/%: $(O)/%.o
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $< $(filter %.a,$^) $(PROGRAM_LIBS) $(LIBS)

# The load test's programs stand alone: no code of the proxy's, so that none of its mistakes is shared.
$(O)/loadtest/gen/gen: $(O)/loadtest/gen/main.o $(O)/libgen.a
$(FLOOR_BIN): $(O)/%: $(O)/%.o $(O)/loadtest/floor/floor.o
$(O)/loadtest/floor/floor_uring: $(O)/loadtest/floor/ring.o
$(O)/loadtest/gen/gen $(FLOOR_BIN):
	@echo "  LD      $@"
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ -lm

# One object knows the version; it alone is rebuilt when that changes.
EXTRA_proxy/cli.c = -DSTAUNCH_VERSION='"$(VERSION)"'
$(O)/proxy/cli.o: $(O)/version
$(O)/version: FORCE
	@mkdir -p $(@D); echo '$(VERSION)' | cmp -s - $@ || echo '$(VERSION)' > $@
FORCE:

-include $(shell find $(O) -name '*.d' 2>/dev/null)

# Sub-makes use every core, unless the user's own -j already reigns.
SUBMAKE = +@$(MAKE) --no-print-directory $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(shell nproc))

deps:                                                ## install every Debian package that is missing
	@deploy/install-deps.sh all
demo:                                                ## install what is missing, build, relay real traffic
	@deploy/install-deps.sh build
	$(SUBMAKE) all
	@./build/staunch demo $(DEMO_ARGS)
test:                                                ## install what is missing, build, run every test
	@deploy/install-deps.sh test
	$(SUBMAKE) all
	$(SUBMAKE) check

# Tests run in the test variant unless BUILD names another. The flow tests then drive that variant's binary;
# in the test variant they drive the one users get.
KINDS   ?= unit sim flow
VARIANT := $(if $(filter release fuzz,$(BUILD)),test,$(BUILD))
BINARY  := $(if $(filter test,$(VARIANT)),build/staunch,build/$(VARIANT)/staunch)
tests-unit: $(UNIT_BIN)
tests-sim:  $(SIM_BIN)
tests-flow: $(FLOW_BIN) $(BINARY)

check:                                               ## every test, nothing installed; BUILD=asan KINDS="unit sim"
unit:                                                ## one kind of test; FILTER=pattern runs a part of it
sim:                                                 ## whole-core runs on the scripted platform
flow:                                                ## the real binary with real peers
unit sim flow: KINDS = $@
check unit sim flow:
	$(SUBMAKE) BUILD=$(VARIANT) $(KINDS:%=tests-%)
	@STAUNCH=$(BINARY) tests/run.sh build/$(VARIANT) $(KINDS)

asan:                                                ## every test under AddressSanitizer and UBSan
	$(SUBMAKE) BUILD=asan check
ubsan tsan:                                       ## unit and sim tests under that sanitizer
	$(SUBMAKE) BUILD=$@ KINDS="unit sim" check
cov:                                                 ## every test with gcov; lines covered, per file
	$(SUBMAKE) BUILD=cov check
	@tests/cov.sh build/cov

FUZZ_SECONDS ?= 20
fuzz:                                                ## each fuzzer for FUZZ_SECONDS (20) on its corpus
	$(SUBMAKE) BUILD=fuzz fuzzers
	@tests/fuzz/run.sh build/fuzz $(FUZZ_SECONDS)
fuzzers: $(FUZZ_BIN)
micro:                                               ## one number each: switch, timer, poll cache ...
	$(SUBMAKE) BUILD=release micros
	@set -e; for m in $(wildcard tests/micro/*.c); do build/release/$${m%.c}; done
micros: $(MICRO_BIN)

loadtest: $(O)/loadtest/gen/gen $(FLOOR_BIN)
bench:                                               ## install what is missing, build, compare with nginx and HAProxy
bench-quick:                                         ## the same in two minutes; BENCH_ARGS="--only keepalive-64"
bench bench-quick:
	@deploy/install-deps.sh bench
	$(SUBMAKE) BUILD=release build/staunch loadtest
	@loadtest/bench.py $(if $(findstring quick,$@),--quick) $(BENCH_ARGS)
gates:                                               ## instructions, system calls, memory: what no noise can change
	$(SUBMAKE) BUILD=release build/staunch loadtest
	@loadtest/gates.py $(GATES_ARGS)

lint: build/staunch                                  ## layers, mistakes, sizes, tests by name, layout, hardening
	@tests/lint/run.sh
fmt fmt-check:                                       ## lay the sources out / say which are not
	@tests/lint/fmt.py $@

PREFIX ?= /usr/local
SHARE  := $(DESTDIR)$(PREFIX)/share
SAY     = build/staunch
install: build/staunch                               ## DESTDIR, PREFIX: binary, manuals, completions, schema
	install -D -m 755 build/staunch $(DESTDIR)$(PREFIX)/bin/staunch
	install -d $(SHARE)/bash-completion/completions $(SHARE)/zsh/vendor-completions \
		$(SHARE)/fish/vendor_completions.d $(SHARE)/staunch/schema $(SHARE)/man/man1 $(SHARE)/man/man5
	$(SAY) man staunch > $(SHARE)/man/man1/staunch.1
	$(SAY) man staunch.yaml > $(SHARE)/man/man5/staunch.yaml.5
	$(SAY) completion bash > $(SHARE)/bash-completion/completions/staunch
	$(SAY) completion zsh > $(SHARE)/zsh/vendor-completions/_staunch
	$(SAY) completion fish > $(SHARE)/fish/vendor_completions.d/staunch.fish
	$(SAY) schema > $(SHARE)/staunch/schema/staunch.schema.json
uninstall:                                           ## remove what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/staunch $(SHARE)/bash-completion/completions/staunch \
		$(SHARE)/zsh/vendor-completions/_staunch $(SHARE)/fish/vendor_completions.d/staunch.fish \
		$(SHARE)/man/man1/staunch.1 $(SHARE)/man/man5/staunch.yaml.5
	rm -rf $(SHARE)/staunch

clean:                                               ## remove build/
	rm -rf build
help:                                                ## list the targets
	@sed -n 's/^\([a-z][a-z -]*\):.*## /\1\t/p' $(firstword $(MAKEFILE_LIST)) | expand -t 16
