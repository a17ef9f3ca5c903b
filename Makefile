# everserve. `make help` lists the targets.
B   ?= build
CC  ?= cc
SAN ?=
SECONDS ?= 5

# B names a build folder: one per compiler and set of flags. build/deps, build/tools and build/servers serve all of them.
DEPS := build/deps
export PATH := $(CURDIR)/build/tools/bin:$(PATH)
export B SAN

LAYERS := tests/lint/layers
ROOMS  := $(shell awk -F'|' '!/^\#/ && NF>2 {gsub(/ /,"",$$1); print $$1}' $(LAYERS))
below   = $(shell awk -F'|' -v r=$(1) '!/^\#/ && NF>2 {n=$$1; gsub(/ /,"",n); if (n==r) print $$3}' $(LAYERS))

# --- what Debian has; targets that need nothing built come without this check
PKGS := libcurl libcjson yaml-0.1 libevent libevent_openssl openssl
BARE := clean deps help demo test fuzz
ifneq ($(filter-out $(BARE),$(or $(MAKECMDGOALS),all)),)
ifneq ($(shell pkg-config --exists $(PKGS) 2>/dev/null && command -v $(firstword $(filter-out ccache,$(CC))) >/dev/null && echo yes),yes)
$(error packages are missing (one of: $(CC) pkg-config $(PKGS)): run 'make deps')
endif
HIREDIS := $(shell pkg-config --exists 'hiredis_ssl >= 1.2' && echo system)
ifeq ($(HIREDIS),system)
HIREDIS_CFLAGS := $(shell pkg-config --cflags hiredis hiredis_ssl)
HIREDIS_LIBS   := $(shell pkg-config --libs hiredis_ssl hiredis)
else ifneq ($(wildcard $(DEPS)/lib/libhiredis_ssl.a),)
HIREDIS_CFLAGS := -isystem $(DEPS)/include
HIREDIS_LIBS   := $(DEPS)/lib/libhiredis_ssl.a $(DEPS)/lib/libhiredis.a
else
$(error hiredis 1.2 with TLS is missing: run 'make deps')
endif
PKG_CFLAGS := $(shell pkg-config --cflags $(PKGS))
PKG_LIBS   := $(shell pkg-config --libs $(PKGS))
takes = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))
ZERO_INIT := $(call takes,-ftrivial-auto-var-init=zero)
endif

WARN   := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wimplicit-fallthrough -Wstrict-prototypes \
          -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef
HARDEN := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
          -fcf-protection=full -fno-delete-null-pointer-checks -fno-strict-overflow $(ZERO_INIT)
CFLAGS ?= $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all,$(HARDEN))
ALL_CFLAGS  = -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fPIE -Iinclude -Isrc $(HIREDIS_CFLAGS) \
              $(PKG_CFLAGS) -MMD -MP
ALL_LDFLAGS = $(CFLAGS) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
LIBS        = $(HIREDIS_LIBS) $(PKG_LIBS) -lm

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all sim unit clean help deps test lint install fuzz fuzz-run demo e2e bench bench-redis
all: $(B)/everserve $(B)/everserve-entry

help:
	@echo "make              build/everserve, the operator, and build/everserve-entry, for Redis pods"
	@echo "make demo         a local cluster with the operator in it: a tour, then yours until Ctrl-C"
	@echo "make test         everything: unit, lint, corpus, manifests, scenarios; ends with a count"
	@echo "make unit         unit tests; unit-ROOM for one room"
	@echo "make lint         the lints alone"
	@echo "make fuzz         each fuzz target for SECONDS=$(SECONDS) (clang)"
	@echo "make e2e          the scenarios against the cluster that KUBECONFIG names"
	@echo "make bench        measure; see docs/benchmarks.md"
	@echo "make install      both programs, and the kubectl plugin, into DESTDIR, PREFIX=$(PREFIX)"
	@echo "make bench-redis  moving slots beside redis-cli, failover, healing; BENCH_KEYS=1000000"
	@echo "make deps         Debian packages, and what Debian 12 lacks into build/deps"
	@echo "Settings: B=folder CC=compiler SAN=address,undefined V=1"

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $@";) $(if $(V),set -x;) $(CC) $(ALL_CFLAGS) -c $< -o $@

# --- one archive per room; a room's tests link that room and those it may name
define room
$(B)/lib$(1).a: $$(patsubst %.c,$(B)/%.o,$$(wildcard src/$(1)/*.c))
	@mkdir -p $$(@D); rm -f $$@
	@$$(AR) rcs $$@ $$^
libs-$(1) := $(B)/lib$(1).a $(patsubst %,$(B)/lib%.a,$(call below,$(1)))
tests-$(1) := $$(patsubst tests/unit/%.c,$(B)/tests/unit/%,$$(wildcard tests/unit/$(1)/*_test.c))
$(B)/tests/unit/$(1)/%: $(B)/tests/unit/$(1)/%.o $$(libs-$(1))
	@echo "  LD $$@"; $$(CC) $$(ALL_LDFLAGS) $$< -Wl,--start-group $$(libs-$(1)) -Wl,--end-group $$(LIBS) -lcmocka -o $$@
unit-$(1): $$(tests-$(1))
	@for t in $$^; do $$$$t || exit 1; done
.PHONY: unit-$(1)
unit: unit-$(1)
UNIT_TESTS += $$(tests-$(1))
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

ALL_LIBS := $(patsubst %,$(B)/lib%.a,$(ROOMS))
GROUP    := -Wl,--start-group $(ALL_LIBS) -Wl,--end-group
$(B)/everserve: $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $(GROUP) $(LIBS) -o $@

# --- what Redis pods start through: static, because it runs in images that are not ours. Sanitizers cannot be static.
ENTRY_LIBS := $(B)/libentry.a $(patsubst %,$(B)/lib%.a,$(call below,entry))
ENTRY_LDFLAGS = $(if $(SAN),$(ALL_LDFLAGS),$(filter-out -pie,$(ALL_LDFLAGS)) -static-pie -Wl,--gc-sections)
$(B)/everserve-entry: $(B)/src/entry/prog/main.o $(ENTRY_LIBS)
	@echo "  LD $@"; $(CC) $(ENTRY_LDFLAGS) $< -Wl,--start-group $(ENTRY_LIBS) -Wl,--end-group -o $@
unit-entry: | $(B)/everserve-entry

# --- the local cluster: the product's rooms plus tests/sim; its parts are a library, so that unit tests can take one
SIM_PARTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*/*.c))
SIM_MAIN  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
SIM_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/sim/*_test.c))
SIM_GROUP := -Wl,--start-group $(B)/libsim.a $(ALL_LIBS) -Wl,--end-group
$(B)/libsim.a: $(SIM_PARTS)
	@mkdir -p $(@D); rm -f $@
	@$(AR) rcs $@ $^
sim: $(B)/everserve-sim $(B)/everserve-entry $(B)/everserve
$(B)/everserve-sim: $(SIM_MAIN) $(B)/libsim.a $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $(SIM_MAIN) $(SIM_GROUP) $(LIBS) -o $@
$(SIM_TESTS): $(B)/%: $(B)/%.o $(B)/libsim.a $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $< $(SIM_GROUP) $(LIBS) -lcmocka -o $@
unit-sim: $(SIM_TESTS)
	@for t in $^; do $$t || exit 1; done
$(SIM_PARTS) $(SIM_MAIN) $(SIM_TESTS:%=%.o): ALL_CFLAGS += -Itests
unit: unit-sim
.PHONY: unit-sim

# --- fuzz targets: with libFuzzer, or with a driver that replays the corpus
FUZZ   := $(patsubst tests/fuzz/%_fuzz.c,%,$(wildcard tests/fuzz/*_fuzz.c))
REPLAY := $(patsubst %,$(B)/replay/%,$(FUZZ))
$(B)/replay/%: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/replay.o $(ALL_LIBS)
	@mkdir -p $(@D)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $(filter %.o,$^) $(GROUP) $(LIBS) -o $@
# (not app: it would bring a second main)
FUZZ_LIBS := $(filter-out %/libapp.a,$(ALL_LIBS))
$(B)/fuzz/%: $(B)/tests/fuzz/%_fuzz.o $(FUZZ_LIBS)
	@mkdir -p $(@D)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) -fsanitize=fuzzer $< -Wl,--start-group $(FUZZ_LIBS) -Wl,--end-group $(LIBS) -o $@
fuzz-run: $(patsubst %,$(B)/fuzz/%,$(FUZZ))
	@tests/fuzz/run $(SECONDS) $^
fuzz:
	@tests/tools/deps --lint
	@$(MAKE) --no-print-directory -j$(shell nproc) B=build-fuzz CC=$(or $(shell command -v clang),clang-14) SAN=fuzzer-no-link,address,undefined fuzz-run

# --- scenarios and measurements: the real binary against a whole cluster
E2E_PARTS := $(patsubst %.c,$(B)/%.o,$(filter-out %_test.c,$(wildcard tests/e2e/*.c)))
E2E_TESTS := $(patsubst %.c,$(B)/%,$(wildcard tests/e2e/*_test.c))
PRELOAD   := $(B)/tests/e2e/preload.so
# no sanitizer: it is loaded into a program that may have one of its own
$(PRELOAD): tests/e2e/preload/preload.c
	@mkdir -p $(@D); $(CC) -std=gnu11 -D_GNU_SOURCE $(WARN) -O1 -fPIC -shared $< -ldl -o $@
BENCHES   := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*_bench.c))
REDIS_BENCHES := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/redis/*_bench.c))
$(B)/libe2e.a: $(E2E_PARTS)
	@rm -f $@
	@$(AR) rcs $@ $^
$(E2E_TESTS) $(BENCHES) $(REDIS_BENCHES): $(B)/%: $(B)/%.o $(B)/libe2e.a $(ALL_LIBS) | $(PRELOAD)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $< -Wl,--start-group $(B)/libe2e.a $(ALL_LIBS) -Wl,--end-group $(LIBS) -lcmocka -o $@
$(E2E_PARTS) $(E2E_TESTS:%=%.o) $(BENCHES:%=%.o) $(REDIS_BENCHES:%=%.o): ALL_CFLAGS += -Itests

# --- what people run; these fetch packages when some are missing
deps:
	@tests/tools/deps

.PHONY: test-programs test-run
# text and manifests are the same under a sanitizer
SCRIPTS := $(if $(SAN),,tests/lint/run tests/deploy/run.sh tests/golden/check_manifests.sh) $(wildcard tests/e2e/run.sh)
test-programs: all $(if $(SIM_MAIN),sim) $(UNIT_TESTS) $(SIM_TESTS) $(REPLAY) $(E2E_TESTS)
test-run: test-programs
	@env -u KUBECONFIG tests/run $(UNIT_TESTS) $(SIM_TESTS) $(REPLAY) $(SCRIPTS)
test:
	@tests/tools/deps
	@$(MAKE) --no-print-directory -j$(shell nproc) test-programs
	@$(MAKE) --no-print-directory test-run

PREFIX ?= /usr/local
install: all
	install -D -m 0755 $(B)/everserve $(DESTDIR)$(PREFIX)/bin/everserve
	install -D -m 0755 $(B)/everserve-entry $(DESTDIR)$(PREFIX)/bin/everserve-entry
	ln -sf everserve $(DESTDIR)$(PREFIX)/bin/kubectl-everserve # so that kubectl finds it: kubectl everserve diff

lint: all
	@tests/run tests/lint/run

demo:
	@tests/tools/deps
	@$(MAKE) --no-print-directory -j$(shell nproc) all sim
	@exec tests/demo/demo.sh

e2e: all sim $(E2E_TESTS)
	@tests/run tests/e2e/run.sh tests/e2e/crd_cases.sh

bench: all sim $(BENCHES)
	tests/bench/run

bench-redis: $(REDIS_BENCHES)
	@for b in $^; do $$b || exit 1; done
	@for s in redis-8.6 valkey-9.1; do d=$(B)/servers/$$s; [ ! -d $$d ] || { echo "$$s, atomic:"; \
	 case $$s in valkey*) export BENCH_CLI_OPTIONS=--cluster-use-atomic-slot-migration;; esac; \
	 LAB_SERVER=$$d/$${s%-*}-server BENCH_CLI=$$d/$${s%-*}-cli $(B)/tests/bench/redis/redis_bench || exit 1; }; done

clean:
	rm -rf build-*
	@[ ! -d $(B) ] || find $(B) -mindepth 1 -maxdepth 1 ! -name deps ! -name tools ! -name servers -exec rm -rf {} +

-include $(shell find $(B) -name deps -prune -o -type f -name '*.d' -print 2>/dev/null)
