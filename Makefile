# staunch: one Makefile, not recursive. `make help` lists the targets.
# BUILD names the kind of build; each has its own directory, so they live side by side:
#   release  what users run: optimised, hardened, mimalloc, system calls direct
#   test     assertions on, system calls and clock through the hook table
#   asan     test + AddressSanitizer + UndefinedBehaviorSanitizer      tsan  test + ThreadSanitizer
#   ubsan    test + UndefinedBehaviorSanitizer alone                   cov   test + gcov

BUILD ?= release
CC    ?= gcc
O     := build/$(BUILD)

WARN := -Wall -Wextra -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wcast-qual -Wvla \
        -Wwrite-strings -Wpointer-arith -Wframe-larger-than=2048
HARD := -fPIE -fstack-protector-strong -D_FORTIFY_SOURCE=2 -fno-plt
TESTDEFS := -DNP_DEBUG -DNP_HOOKS

CFLAGS_release := -O2 -g $(HARD)
CFLAGS_test    := -O1 -g -fPIE $(TESTDEFS)
CFLAGS_asan    := -O1 -g -fPIE -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all $(TESTDEFS)
CFLAGS_ubsan   := -O1 -g -fPIE -fsanitize=undefined -fno-sanitize-recover=all $(TESTDEFS)
CFLAGS_tsan    := -O1 -g -fPIE -fsanitize=thread $(TESTDEFS)
CFLAGS_cov     := -O0 -g -fPIE --coverage $(TESTDEFS)
LDFLAGS_release := -pie -Wl,-z,relro,-z,now,-z,noexecstack -Wl,--as-needed
LDFLAGS_test    := -pie
LDFLAGS_asan    := -pie -fsanitize=address,undefined
LDFLAGS_ubsan   := -pie -fsanitize=undefined
LDFLAGS_tsan    := -pie -fsanitize=thread
LDFLAGS_cov     := -pie --coverage
LIBS_release    := -lmimalloc

VERSION  := $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
CPPFLAGS := -D_GNU_SOURCE -iquote . -MMD -MP
CFLAGS   := -std=gnu11 -pthread $(WARN) $(CFLAGS_$(BUILD))
LDFLAGS  := -pthread $(LDFLAGS_$(BUILD))
LIBS     := -lyaml -levent_core -levent_pthreads $(LIBS_$(BUILD))
ARCH     := $(shell uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')

src = $(patsubst %.c,$(O)/%.o,$(wildcard $(1)))
NETPOLL_ALL  := $(call src,netpoll/*.c) $(O)/netpoll/ctx_$(ARCH).o
# The platform file is the linker's choice: epoll for real, the scripted fake for the simulations.
NETPOLL_OBJ  := $(filter-out %/netpoll_fake.o,$(NETPOLL_ALL))
FAKE_OBJ     := $(filter-out %/netpoll_epoll.o,$(NETPOLL_ALL))
CONFIG_OBJ   := $(call src,config/*.c)
PROXY_OBJ    := $(filter-out %/main.o,$(call src,proxy/*.c))
KIT_OBJ      := $(call src,tests/kit/*.c)
UNIT_BIN     := $(patsubst %.c,$(O)/%,$(wildcard tests/unit/*/*_test.c))
SIM_BIN      := $(patsubst %.c,$(O)/%,$(wildcard tests/sim/*_test.c))
FLOW_BIN     := $(patsubst %.c,$(O)/%,$(wildcard tests/flow/*_test.c))
MICRO_BIN    := $(patsubst %.c,$(O)/%,$(wildcard tests/micro/*.c))

.DEFAULT_GOAL := all
.PHONY: all deps demo test check unit sim flow asan ubsan tsan lint fmt fmt-check fuzz micro census cov install \
        uninstall clean help tests

all: build/staunch build/libnetpoll.a                ## build build/staunch and build/libnetpoll.a

ifeq ($(BUILD),release)
build/staunch: $(O)/staunch
	@ln -sf release/staunch $@
build/libnetpoll.a: $(O)/libnetpoll.a
	@ln -sf release/libnetpoll.a $@
else
build/staunch build/libnetpoll.a:
	@$(MAKE) --no-print-directory BUILD=release $@
endif

$(O)/staunch: $(O)/proxy/main.o $(PROXY_OBJ) $(CONFIG_OBJ) $(O)/libnetpoll.a
	@echo "  LD      $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

$(O)/libnetpoll.a: $(NETPOLL_OBJ)
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $^
$(O)/libfake.a: $(FAKE_OBJ)
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $^
$(O)/libproxy.a: $(PROXY_OBJ) $(CONFIG_OBJ)
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $^
$(O)/libkit.a: $(KIT_OBJ)
	@echo "  AR      $@"; rm -f $@; $(AR) rcs $@ $^

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D); echo "  CC      $<"; $(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA_$<) -c -o $@ $<
$(O)/%.o: %.S Makefile
	@mkdir -p $(@D); echo "  AS      $<"; $(CC) $(CPPFLAGS) -c -o $@ $<

$(UNIT_BIN) $(FLOW_BIN): $(O)/%: $(O)/%.o $(O)/libkit.a $(O)/libproxy.a $(O)/libnetpoll.a
	@echo "  LD      $@"; $(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(SIM_BIN): $(O)/%: $(O)/%.o $(O)/libkit.a $(O)/libfake.a
	@echo "  LD      $@"; $(CC) $(LDFLAGS) -o $@ $^ -lcmocka $(LIBS)
$(MICRO_BIN): $(O)/%: $(O)/%.o $(O)/libnetpoll.a
	@echo "  LD      $@"; $(CC) $(LDFLAGS) -o $@ $^ $(LIBS)

-include $(shell find $(O) -name '*.d' 2>/dev/null)

deps:                                                ## install the Debian packages that are missing
	@deploy/install-deps.sh

demo: deps                                           ## install what is missing, build, relay real traffic
	@$(MAKE) --no-print-directory all
	@./build/staunch demo $(DEMO_ARGS)

tests: $(UNIT_BIN) $(SIM_BIN) $(FLOW_BIN)
test: deps                                           ## install what is missing, build, run every test
	@$(MAKE) --no-print-directory all
	@$(MAKE) --no-print-directory BUILD=test tests
	@STAUNCH=build/staunch tests/run.sh build/test unit sim flow

clean:                                               ## remove build/
	rm -rf build
help:                                                ## list the targets
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 14
