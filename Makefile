# staunch: one Makefile, not recursive. `make help` lists the targets.
# BUILD names the kind of build; each has its own directory, so they live side by side:
#   release  what users run: optimised, hardened, mimalloc, system calls direct
#   test     assertions on, system calls and clock through the hook table
#   asan     test + AddressSanitizer + UndefinedBehaviorSanitizer      tsan  test + ThreadSanitizer
#   ubsan    test + UndefinedBehaviorSanitizer alone                   cov   test + gcov
#   fuzz     asan by clang, with libFuzzer's coverage feedback
#
# help: BUILD=release|test|asan|ubsan|tsan|cov|fuzz the kind of build; its files are in build/BUILD
# help: V=1                                            print the commands
# help: CC=gcc                                         the compiler; with -j N make's usual meaning
# help: MORE_CFLAGS= MORE_CPPFLAGS= MORE_LDFLAGS=      flags beside ours, which a distribution wants

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
LDFLAGS_release := -pie -fPIE -O2 -flto=auto -Wl,-z,relro,-z,now,-z,noexecstack
LDFLAGS_test    := -pie
LDFLAGS_asan    := -pie -fsanitize=address,undefined
LDFLAGS_ubsan   := -pie -fsanitize=undefined
LDFLAGS_tsan    := -pie -fsanitize=thread
LDFLAGS_fuzz    := -pie -fsanitize=address,undefined
LDFLAGS_cov     := -pie --coverage
# Its malloc must win over libc's; with link-time optimisation the linker learns of the calls too late to see it as needed.
LIBS_release    := -Wl,--push-state,--no-as-needed -lmimalloc -Wl,--pop-state

VERSION  := $(shell deploy/version.sh)
# Probes for tracers, where the header of systemtap-sdt-dev is there.
PROBES   := $(if $(wildcard $(addsuffix /sys/sdt.h,/usr/include /usr/include/$(shell $(CC) -print-multiarch))),sdt,none)
CPPFLAGS := -D_GNU_SOURCE -iquote . -MMD -MP -DPROBE_HOME='"proxy/base/probe_$(PROBES).h"' $(MORE_CPPFLAGS)
CFLAGS   := -std=gnu11 -pthread $(WARN) $(CFLAGS_$(BUILD)) $(MORE_CFLAGS)
LDFLAGS  := -pthread -Wl,--as-needed $(LDFLAGS_$(BUILD)) $(MORE_LDFLAGS)
LIBS     := -lyaml -lcares -lresolv -lssl -lcrypto -lncursesw -ltinfo $(LIBS_$(BUILD))
ARCH     := $(shell uname -m | sed 's/x86_64/amd64/;s/aarch64/arm64/')

src = $(patsubst %,$(O)/%.o,$(basename $(wildcard $(1))))
bin = $(patsubst %.c,$(O)/%,$(wildcard $(1)))
NETPOLL_ALL  := $(call src,netpoll/*.c netpoll/ctx_$(ARCH).S)
# The platform file is the linker's choice: epoll for real, the scripted fake for the simulations.
NETPOLL_OBJ  := $(filter-out %/netpoll_fake.o,$(NETPOLL_ALL))
FAKE_OBJ     := $(filter-out %/netpoll_epoll.o,$(NETPOLL_ALL))
CONFIG_OBJ   := $(call src,config/*.c config/*/*.c)
PROXY_OBJ    := $(filter-out %/main.o,$(call src,proxy/*.c proxy/*/*.c proxy/admin/dashboard/assets.S))

.DEFAULT_GOAL := all
.PHONY: all deps demo test clean help FORCE
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
$(O)/lib%.a:
	@mkdir -p $(@D); echo "  AR      $@"; rm -f $@
	$(Q)$(AR) rcs $@ $^

$(O)/%.o: %.c Makefile
	@mkdir -p $(@D); echo "  CC      $<"
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(EXTRA_$<) -c -o $@ $<
$(O)/%.o: %.S Makefile
	@mkdir -p $(@D); echo "  AS      $<"
	$(Q)$(CC) $(CPPFLAGS) -c -o $@ $<

# The dashboard: its own files, and Chart.js of the Debian package, compressed, each with a tag of its content.
CHART  := /usr/share/javascript/chart.js/chart.min.js
ASSETS := $(patsubst %,$(O)/assets/%,index.html dashboard.css dashboard.js parts.js charts.js chart.js icon.svg)
$(O)/proxy/admin/dashboard/assets.o: CPPFLAGS += -Wa,-I$(O)/assets
$(O)/proxy/admin/dashboard/assets.o: $(ASSETS:%=%.gz) $(ASSETS:%=%.etag)
$(O)/assets/%.gz: proxy/admin/dashboard/% Makefile
	@mkdir -p $(@D); echo "  GZIP    $<"
	$(Q)gzip -9nc $< > $@
$(O)/assets/chart.js.gz: $(CHART) Makefile
	@mkdir -p $(@D); echo "  GZIP    $(CHART)"
	$(Q)gzip -9nc $(CHART) > $@
$(O)/assets/%.etag: $(O)/assets/%.gz
	$(Q)sha256sum < $< | sed 's/^\(.\{16\}\).*/"\1"/' | tr -d '\n' > $@
$(CHART):
	@echo "$@ is not there; run: make deps (the package libjs-chart.js)" >&2; exit 1

include tests/tests.mk
include loadtest/loadtest.mk
include deploy/deploy.mk

# One object knows the version; it alone is rebuilt when that changes.
EXTRA_proxy/cli/cli.c = -DSTAUNCH_VERSION='"$(VERSION)"'
$(O)/proxy/cli/cli.o: $(O)/version
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

clean:                                               ## remove build/
	rm -rf build
help:                                                ## list the targets
	@sed -n 's/^\([a-z][a-z_ -]*\):.*## /\1\t/p' $(filter Makefile %.mk,$(MAKEFILE_LIST)) | expand -t 20
	@echo
	@sed -n 's/^# help: //p' $(filter Makefile %.mk,$(MAKEFILE_LIST))
