# everserve: make, make test, make demo. README.md says what each does.
B   ?= build
CC  ?= cc
SAN ?=

LAYERS := tests/lint/layers
ROOMS  := $(shell awk -F'|' '!/^\#/ && NF>2 {gsub(/ /,"",$$1); print $$1}' $(LAYERS))
below   = $(shell awk -F'|' -v r=$(1) '!/^\#/ && NF>2 {n=$$1; gsub(/ /,"",n); if (n==r) print $$3}' $(LAYERS))

# Debian 12 has no hiredis with TLS: `make deps` puts Debian 13's static archives here.
DEPS    := build/deps
HIREDIS := $(shell pkg-config --exists 'hiredis_ssl >= 1.2' && echo system)
ifeq ($(HIREDIS),system)
HIREDIS_CFLAGS := $(shell pkg-config --cflags hiredis hiredis_ssl)
HIREDIS_LIBS   := $(shell pkg-config --libs hiredis_ssl hiredis)
else
HIREDIS_CFLAGS := -isystem $(DEPS)/include
HIREDIS_LIBS   := $(DEPS)/lib/libhiredis_ssl.a $(DEPS)/lib/libhiredis.a
endif

takes = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

PKGS   := libcurl libcjson yaml-0.1 libevent libevent_openssl openssl
WARN   := -Wall -Wextra -Werror -Wformat=2 -Wshadow -Wimplicit-fallthrough -Wstrict-prototypes \
          -Wmissing-prototypes -Wpointer-arith -Wwrite-strings -Wundef
HARDEN := -O2 -g -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2 -fstack-protector-strong -fstack-clash-protection \
          -fcf-protection=full -fno-delete-null-pointer-checks -fno-strict-overflow $(call takes,-ftrivial-auto-var-init=zero)
CFLAGS ?= $(if $(SAN),-O1 -g -fno-omit-frame-pointer -fsanitize=$(SAN) -fno-sanitize-recover=all,$(HARDEN))
ALL_CFLAGS  = -std=gnu11 -D_GNU_SOURCE $(WARN) $(CFLAGS) -fPIE -Iinclude -Isrc $(HIREDIS_CFLAGS) \
              $(shell pkg-config --cflags $(PKGS)) -MMD -MP
ALL_LDFLAGS = $(CFLAGS) -pie -Wl,-z,relro,-z,now,-z,noexecstack $(LDFLAGS)
LIBS        = $(shell pkg-config --libs $(PKGS)) $(HIREDIS_LIBS) -lm

.DELETE_ON_ERROR:
.SECONDARY:
.PHONY: all clean unit
all: $(B)/everserve

$(B)/%.o: %.c
	@mkdir -p $(@D)
	@$(if $(V),,echo "  CC $@";) $(if $(V),set -x;) $(CC) $(ALL_CFLAGS) -c $< -o $@

define room
$(B)/lib$(1).a: $$(patsubst %.c,$(B)/%.o,$$(wildcard src/$(1)/*.c))
	@mkdir -p $$(@D); rm -f $$@
	@$$(AR) rcs $$@ $$^
libs-$(1) := $(B)/lib$(1).a $(patsubst %,$(B)/lib%.a,$(call below,$(1)))
$(B)/tests/unit/$(1)/%: $(B)/tests/unit/$(1)/%.o $$(libs-$(1))
	@echo "  LD $$@"; $$(CC) $$(ALL_LDFLAGS) $$< -Wl,--start-group $$(libs-$(1)) -Wl,--end-group $$(LIBS) -lcmocka -o $$@
unit-$(1): $$(patsubst tests/unit/%.c,$(B)/tests/unit/%,$$(wildcard tests/unit/$(1)/*_test.c))
	@for t in $$^; do $$$$t || exit 1; done
.PHONY: unit-$(1)
unit: unit-$(1)
endef
$(foreach r,$(ROOMS),$(eval $(call room,$(r))))

ALL_LIBS := $(patsubst %,$(B)/lib%.a,$(ROOMS))
$(B)/everserve: $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) -Wl,--start-group $(ALL_LIBS) -Wl,--end-group $(LIBS) -o $@

# the local cluster: the product's rooms plus tests/sim; its parts are a library, so that unit tests can take one
SIM_PARTS := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*/*.c))
SIM_MAIN  := $(patsubst %.c,$(B)/%.o,$(wildcard tests/sim/*.c))
SIM_TESTS := $(patsubst tests/unit/%.c,$(B)/tests/unit/%,$(wildcard tests/unit/sim/*_test.c))
$(B)/libsim.a: $(SIM_PARTS)
	@mkdir -p $(@D); rm -f $@
	@$(AR) rcs $@ $^
sim: $(B)/everserve-sim
$(B)/everserve-sim: $(SIM_MAIN) $(B)/libsim.a $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $(SIM_MAIN) -Wl,--start-group $(B)/libsim.a $(ALL_LIBS) -Wl,--end-group $(LIBS) -o $@
$(SIM_TESTS): $(B)/%: $(B)/%.o $(B)/libsim.a $(ALL_LIBS)
	@echo "  LD $@"; $(CC) $(ALL_LDFLAGS) $< -Wl,--start-group $(B)/libsim.a $(ALL_LIBS) -Wl,--end-group $(LIBS) -lcmocka -o $@
unit-sim: $(SIM_TESTS)
	@for t in $^; do $$t || exit 1; done
$(SIM_PARTS) $(SIM_MAIN) $(SIM_TESTS:%=%.o): ALL_CFLAGS += -Itests
unit: unit-sim
.PHONY: sim unit-sim

clean:
	rm -rf $(B)

-include $(shell find $(B) -name '*.d' 2>/dev/null)
