# Certkeep: the only makefile. Outside the build root each target enters it first.
#
#   make            build the appliance's programs (build/dev/bin)
#   make run        set everything up and run the main job; ONCE=1 stops afterwards
#   make check      all tests;  UNIT=1 only the unit and message tests
#   make interop    tests that need another registry than Debian's packages and npm
#   make asan       build with AddressSanitizer and UBSan (build/asan)
#   make fuzz       build the fuzzers (build/fuzz);  TIME=60 runs each for that many seconds
#   make lint       layers, sizes, banned calls, tables, format, clang-tidy, cppcheck, -fanalyzer
#   make bench      measure, and print the table
#   make tools      build what signs firmware with a key in a token (build/dev/tools)
#   make web        build the admin UI (web/dist)
#   make format     apply .clang-format
#   make image      build/images: disk image, update bundle, SBOM, hashes of the board in .config
#   make vm         boot it in QEMU with Secure Boot; DIRECT=1 without firmware, KVM=1 not in emulation
#   make check-image           tests of the image, booted and not;  make reproduce: build it twice and compare
#   make soak CUTS=300         cut the power of the booted image so often while its store is written; SEED=n repeats a run
#   make menuconfig            choose what goes into an image; make vm-x86_64_defconfig: a board's own choice
#   make clean

MODE ?= dev
OUT  := build/$(MODE)
JOBS := $(shell nproc)

ifneq ($(IN_BUILDROOT)$(filter 1,$(NATIVE)),)

CC      := gcc
PKGS    := libcrypto libssl p11-kit-1 libcurl lmdb libssh2 libseccomp libevent_core libevent_extra libevent_openssl jansson libcap
WARN    := -Wall -Wextra -Wshadow -Wconversion -Wvla -Wformat=2 -Wstrict-prototypes -Wmissing-prototypes \
           -Wno-missing-field-initializers $(if $(CI)$(WERROR),-Werror)
HARDEN  := -fno-common -fno-strict-aliasing -ftrivial-auto-var-init=zero -fstack-protector-strong \
           -fstack-clash-protection -fcf-protection -fPIE
# `bear`-free include path: headers are named from the top of the tree.
CPPFLAGS := -I. -D_GNU_SOURCE -DOPENSSL_API_COMPAT=30500 -DOPENSSL_NO_DEPRECATED $(shell pkg-config --cflags $(PKGS))
CFLAGS_dev  := -O2 -g -D_FORTIFY_SOURCE=3
CFLAGS_asan := -O1 -g -fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -DCERTKEEP_TEST=1
CFLAGS_test := $(CFLAGS_dev) -DCERTKEEP_TEST=1
CFLAGS_fuzz := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=undefined -DCERTKEEP_TEST=1
# Off: out-of-bounds (wrong for an array filled from calls that return a struct, as OSSL_PARAM lists are),
# fd-leak (dup2 to a fixed number is meant to stay), format-truncation (judged at -O2 by the dev build),
# use-of-uninitialized-value (unsure of what calls fill; clang-tidy judges it).
CFLAGS_analyze := -O1 -fanalyzer -Wno-analyzer-use-of-uninitialized-value -Wno-analyzer-out-of-bounds -Wno-analyzer-fd-leak -Wno-format-truncation
ifeq ($(MODE),fuzz)
CC := clang
HARDEN := -fno-common -fno-strict-aliasing -fPIE
endif
CFLAGS  := -std=gnu17 $(WARN) $(HARDEN) $(CFLAGS_$(MODE))
# ibt, shstk: Debian's start-up objects lack the CET mark that ours have, and so the linker would leave it out.
LDFLAGS := -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,ibt,-z,shstk -Wl,--as-needed
LIBS    := $(shell pkg-config --libs $(PKGS)) -ldl

# One library per layer folder, one per process (all its files but main.c): tests link them.
LAYERS    := base crypto ipc model
DIRS_base := src/base
DIRS_crypto := crypto
DIRS_ipc  := src/ipc src/net src/sandbox
DIRS_model := src/model
PROCESSES := parent key core web ca deploy sys console ctl resolv
# The trust root outside the service: linked statically, with mbedTLS, src/base and the confinement alone.
FIRMWARE := update stage0

sources = $(shell find $(1) -name '*.c' 2>/dev/null | LC_ALL=C sort)
firmware_sources := $(call sources,crypto/firmware)
objects = $(patsubst %.c,$(OUT)/obj/%.o,$(1))

LAYER_LIBS := $(foreach l,$(LAYERS),$(OUT)/lib/lib$(l).a)
BUILT   := $(foreach p,$(PROCESSES),$(if $(wildcard src/$(p)/main.c),$(p)))
program = $(OUT)/bin/$(if $(filter ctl,$(1)),certkeep,certkeep-$(1))
BINS    := $(foreach p,$(BUILT) $(foreach p,$(FIRMWARE),$(if $(wildcard src/$(p)/main.c),$(p))),$(call program,$(p)))
# Test programs: unit and message tests, and every double the end-to-end tests start.
TESTS   := $(patsubst tests/%.c,$(OUT)/tests/%,$(shell find tests/unit tests/ipc -name 'test_*.c' 2>/dev/null | LC_ALL=C sort))
DOUBLES := $(patsubst tests/%.c,$(OUT)/tests/%,$(shell find tests/doubles tests/bench -name '*.c' 2>/dev/null))
# What a build uses and no image has.
TOOLS   := $(patsubst tools/%.c,$(OUT)/tools/%,$(wildcard tools/*.c))
FUZZERS := $(patsubst tests/fuzz/%.c,$(OUT)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

.PHONY: all bins tests doubles fuzzers tools image-tests analyze
all: bins
bins: $(BINS)
tests: $(TESTS)
doubles: $(DOUBLES)
fuzzers: $(FUZZERS)
tools: $(TOOLS)
.SECONDARY:

$(OUT)/obj/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

define layer_rule
$(OUT)/lib/lib$(1).a: $(call objects,$(filter-out $(firmware_sources),$(call sources,$(DIRS_$(1)))))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(foreach l,$(LAYERS),$(eval $(call layer_rule,$(l))))

define process_rule
$(OUT)/lib/libproc_$(1).a: $(call objects,$(filter-out src/$(1)/main.c,$(call sources,src/$(1))))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcsD $$@ $$^
$(call program,$(1)): $(OUT)/obj/src/$(1)/main.o $(OUT)/lib/libproc_$(1).a $(LAYER_LIBS)
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$< $(OUT)/lib/libproc_$(1).a -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group $(LIBS)
endef
$(foreach p,$(PROCESSES),$(eval $(call process_rule,$(p))))

# Sanitizers need the dynamic loader.
STATIC  := $(if $(filter asan fuzz,$(MODE)),,-static-pie)
FIRMWARE_LIBS := $(FIRMWARE:%=$(OUT)/lib/libproc_%.a) $(OUT)/lib/librescue.a $(OUT)/lib/libfirmware.a $(OUT)/lib/libsandbox.a $(OUT)/lib/libbase.a
MBEDTLS := -l:libmbedtls.a -l:libmbedx509.a -l:libmbedcrypto.a -l:libseccomp.a
define archive_rule
$(OUT)/lib/$(1).a: $(call objects,$(2))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcsD $$@ $$^
endef
$(eval $(call archive_rule,libfirmware,$(firmware_sources)))
$(eval $(call archive_rule,librescue,$(call sources,src/rescue)))
$(eval $(call archive_rule,libsandbox,$(call sources,src/sandbox)))
$(foreach p,$(FIRMWARE),$(eval $(call archive_rule,libproc_$(p),$(filter-out src/$(p)/main.c,$(call sources,src/$(p))))))
$(FIRMWARE:%=$(OUT)/bin/certkeep-%): $(OUT)/bin/certkeep-%: $(OUT)/obj/src/%/main.o $(FIRMWARE_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $< -Wl,--start-group $(FIRMWARE_LIBS) -Wl,--end-group $(MBEDTLS)
define firmware_test_rule
$(OUT)/tests/unit/$(1)/%: $(OUT)/obj/tests/unit/$(1)/%.o $(FIRMWARE_LIBS)
	@mkdir -p $$(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $$@ $$< -Wl,--start-group $(FIRMWARE_LIBS) -Wl,--end-group $(MBEDTLS) -lcmocka
endef
$(foreach d,crypto/firmware src/rescue $(FIRMWARE:%=src/%),$(eval $(call firmware_test_rule,$(d))))
$(OUT)/tests/doubles/firmware_%: $(OUT)/obj/tests/doubles/firmware_%.o $(FIRMWARE_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(FIRMWARE_LIBS) -Wl,--end-group $(MBEDTLS)
# What the tests of the image run on the image file: the verifier of stage-0 and the updater.
$(OUT)/tests/image/%: $(OUT)/obj/tests/image/%.o $(FIRMWARE_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) $(STATIC) -o $@ $< -Wl,--start-group $(FIRMWARE_LIBS) -Wl,--end-group $(MBEDTLS)
image-tests: $(patsubst tests/%.c,$(OUT)/tests/%,$(wildcard tests/image/*.c))
$(OUT)/fuzz/fuzz_firmware_%: $(OUT)/obj/tests/fuzz/fuzz_firmware_%.o $(FIRMWARE_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $< -Wl,--start-group $(FIRMWARE_LIBS) -Wl,--end-group $(MBEDTLS)

# A test under tests/unit/src/PROCESS, tests/ipc/test_PROCESS*.c or tests/bench/bench_PROCESS.c links that process's library too.
.SECONDEXPANSION:
proc_of = $(foreach p,$(PROCESSES),$(if $(or $(findstring /src/$(p)/,$(1)),$(findstring /test_$(p),$(1)),$(findstring /bench_$(p),$(1)),$(findstring /$(p)_,$(1))),$(OUT)/lib/libproc_$(p).a))
$(OUT)/tests/%: $(OUT)/obj/tests/%.o $$(call proc_of,/$$*) $(LAYER_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< $(call proc_of,/$*) -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group $(LIBS) -lcmocka

$(OUT)/tools/%: $(OUT)/obj/tools/%.o $(LAYER_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) $(LDFLAGS) -o $@ $< -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group $(LIBS)

# fuzz_PROCESS_thing.c links the library of that process.
$(OUT)/fuzz/%: $(OUT)/obj/tests/fuzz/%.o $$(foreach p,$$(PROCESSES),$$(if $$(findstring fuzz_$$(p)_,$$*),$$(OUT)/lib/libproc_$$(p).a)) $(LAYER_LIBS)
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fsanitize=fuzzer,address,undefined -o $@ $(filter %.o,$^) $(filter $(OUT)/lib/libproc_%,$^) -Wl,--start-group $(LAYER_LIBS) -Wl,--end-group $(LIBS)

analyze: $(call objects,$(call sources,src crypto tools))

.PHONY: check asan fuzz lint run bench web format interop
check:
	tests/check.sh
asan:
	$(MAKE) -j$(JOBS) MODE=asan bins tests
fuzz:
	$(MAKE) -j$(JOBS) MODE=fuzz fuzzers
	tests/fuzz.sh "$(or $(TIME),0)"
lint:
	tests/lint/all.sh
run:
	tests/demo/run.sh
interop:
	tests/interop.sh
bench:
	tests/bench/run.sh
web:
	web/build.sh
format:
	find src crypto tests tools -name '*.[ch]' | xargs clang-format -i

-include $(shell find $(OUT)/obj -name '*.d' 2>/dev/null)

else # outside the build root: the same target, inside it

TARGETS := all bins tests doubles fuzzers tools image-tests analyze check asan fuzz lint run bench web format interop
.PHONY: $(TARGETS)
all: ;@board/common/buildroot.sh run make -j$(JOBS) $(PASS) all
$(filter-out all,$(TARGETS)): ;@board/common/buildroot.sh run make -j$(JOBS) $(PASS) $@
PASS = MODE=$(MODE) $(foreach v,CI WERROR ONCE UNIT TIME SIZE UI_PORT SSH_PORT HTTP_PORT ADDRESS KEEP ONLY,$(if $($(v)),$(v)='$($(v))'))

endif

# What goes into an image: Kconfig, kept in .config.
KCONFIG = @board/common/buildroot.sh run env KCONFIG_CONFIG=.config python3 -m
.PHONY: menuconfig
menuconfig:
	$(KCONFIG) menuconfig
%_defconfig:
	$(KCONFIG) defconfig board/$*/defconfig
# A choice that Kconfig got since gets its default.
.config: Kconfig
	$(KCONFIG) $(if $(wildcard .config),olddefconfig,defconfig board/vm-x86_64/defconfig)
	@touch $@

# Images: the programs are built in the build root, the image is made and booted in the other one.
EPOCH := $(or $(SOURCE_DATE_EPOCH),$(shell git log -1 --pretty=%ct 2>/dev/null),1)
IMAGE_ROOT = @board/common/buildroot.sh image-run env SOURCE_DATE_EPOCH=$(EPOCH)
.PHONY: image image-programs vm check-image soak reproduce
image-programs: .config
	@board/common/buildroot.sh run make -j$(JOBS) MODE=dev bins
	@board/common/buildroot.sh run web/build.sh
	@mkdir -p build/image
	@board/common/buildroot.sh run dpkg-query -W -f '$${Package} $${Version}\n' >build/image/build.versions
image: image-programs
	$(IMAGE_ROOT) board/common/mkimage.sh
vm:
	@[ -n "$$(ls build/images/*.raw 2>/dev/null)" ] || $(MAKE) image
	$(IMAGE_ROOT) board/common/vm.py --port $(or $(UI_PORT),8443) --http-port $(or $(HTTP_PORT),8080) $(if $(DIRECT),--direct) $(if $(KVM),--kvm)
check-image: image
	@board/common/buildroot.sh run make -j$(JOBS) MODE=dev image-tests
	@KEEP_NET=0 board/common/buildroot.sh image-run env SOURCE_DATE_EPOCH=$(EPOCH) CUTS=$(CUTS) SEED=$(SEED) tests/image/run.sh $(ONLY)
soak: image
	@KEEP_NET=0 board/common/buildroot.sh image-run env SOURCE_DATE_EPOCH=$(EPOCH) CUTS=$(or $(CUTS),300) SEED=$(SEED) \
	    tests/image/run.sh tests/image/test_power_cut.py
reproduce:
	board/common/reproduce.sh

.PHONY: clean
clean:
	rm -rf build web/dist
