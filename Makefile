# SPDX-License-Identifier: GPL-2.0-only
# `make help` lists the targets. V=1 shows the commands; SANITIZE=1 builds with ASan and UBSan.

VERSION   := 0.1.0
BUILD     ?= build
CLANG     ?= clang
BPFTOOL   ?= /usr/sbin/bpftool
PREFIX    ?= /usr/local
REVISION  := $(shell git rev-parse --short=12 HEAD 2>/dev/null || echo unknown)

Q    := $(if $(V),,@)
say   = $(if $(V),,@printf '  %-8s %s\n' '$(1)' '$(2)')
ARCH := $(shell uname -m | sed 's/x86_64/x86/; s/aarch64/arm64/')

LIBS     := libbpf libmnl jansson libmicrohttpd libcap-ng
# Readiness and watchdog, where there is systemd.
SYSTEMD  := $(shell pkg-config --exists libsystemd && echo libsystemd)
WARNINGS := -Wall -Wextra -Wshadow -Wno-missing-field-initializers -Wno-format-truncation
CPPFLAGS += -Iinclude -iquote user -iquote $(BUILD) -D_GNU_SOURCE -DVERSION='"$(VERSION)"' -DREVISION='"$(REVISION)"'
CPPFLAGS += $(if $(SYSTEMD),-DHAVE_SYSTEMD)
CFLAGS   ?= -O2 -g
CFLAGS   += -std=gnu11 $(WARNINGS) -Werror -Wstrict-prototypes -Wmissing-prototypes
CXXFLAGS ?= -O2 -g
CXXFLAGS += -std=c++17 -Wall -Wextra -Werror
LDLIBS   += $(shell pkg-config --libs $(LIBS) $(SYSTEMD)) -lcrypt -lstdc++ -pthread
BPFFLAGS := -O2 -g -target bpf -D__TARGET_ARCH_$(ARCH) -Iinclude -Ivmlinux -Wall -Wextra -Werror

ifdef SANITIZE
BUILD    := build/sanitize
CFLAGS   += -fsanitize=address,undefined -fno-omit-frame-pointer
CXXFLAGS += -fsanitize=address,undefined
LDFLAGS  += -fsanitize=address,undefined
endif

USER_OBJS := $(patsubst user/%,$(BUILD)/user/%.o,$(wildcard user/*.c user/*.cpp))
LIB_OBJS  := $(filter-out %/main.c.o,$(USER_OBJS))
TEST_BINS := $(BUILD)/test-unit $(BUILD)/test-bpf
BENCH_BINS := $(addprefix $(BUILD)/bench-,flood cost load sweep)
# For the kernel matrix: the object by each compiler, and the guests' tools.
CLANG_OBJS   := $(patsubst %,$(BUILD)/kernels/clang-%.bpf.o,14 16 19)
KERNEL_TOOLS := $(addprefix $(BUILD)/kernels/,traffic tunnel verifier pass.bpf.o)

.DELETE_ON_ERROR:
.SUFFIXES:
.PHONY: all help deps demo test test-unit test-bpf test-e2e fuzz lint format vmlinux install clean \
	test-kernels budget kernel-tools bench bench-quick FORCE

all: $(BUILD)/xdpfwd

help:
	@sed -n 's/^## //p' Makefile

## all        build build/xdpfwd
$(BUILD)/xdpfwd: $(USER_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

# Another compiler than the last time makes the object anew.
$(BUILD)/clang: FORCE
	@mkdir -p $(@D)
	@echo '$(CLANG)' | cmp -s - $@ || echo '$(CLANG)' > $@

# What tells the revision is made anew with each.
$(BUILD)/revision: FORCE
	@mkdir -p $(@D)
	@echo '$(VERSION) $(REVISION)' | cmp -s - $@ || echo '$(VERSION) $(REVISION)' > $@

$(addprefix $(BUILD)/,user/main.c.o user/metrics.c.o tests/unit/test_metrics.c.o): $(BUILD)/revision

$(BUILD)/xdpfwd.bpf.o: $(BUILD)/clang
$(CLANG_OBJS): override CLANG = $(@F:.bpf.o=)
$(BUILD)/xdpfwd.bpf.o $(CLANG_OBJS): bpf/xdpfwd.bpf.c $(wildcard bpf/*.h include/xdpfwd/* vmlinux/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -c $< -o $@.tmp
	$(Q)$(BPFTOOL) gen object $@ $@.tmp
	@rm -f $@.tmp

$(BUILD)/xdpfwd.skel.h: $(BUILD)/xdpfwd.bpf.o
	$(call say,SKEL,$@)
	$(Q){ echo '/* NOLINTBEGIN: generated */'; \
		$(BPFTOOL) gen skeleton $< name xdpfwd_bpf && echo '/* NOLINTEND */'; \
		printf '#define XDPFWD_OBJECT_ID "%.32s"\n' "$$(sha256sum < $<)"; } > $@

$(BUILD)/%.c.o: %.c $(BUILD)/xdpfwd.skel.h
	$(call say,CC,$<)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) -MMD -MP -c $< -o $@

$(BUILD)/%.cpp.o: %.cpp
	$(call say,CXX,$<)
	@mkdir -p $(@D)
	$(Q)$(CXX) $(CPPFLAGS) $(CXXFLAGS) -MMD -MP -c $< -o $@

$(TEST_BINS): $(LIB_OBJS)
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS) -lcriterion

$(BUILD)/test-unit: $(patsubst %,$(BUILD)/%.o,$(wildcard tests/unit/*.c))
$(BUILD)/test-bpf: $(patsubst %,$(BUILD)/%.o,$(wildcard tests/bpf/*.c) tests/lib/packet.c)

$(BUILD)/kernels/%.bpf.o: tests/kernels/%.bpf.c
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -c $< -o $@

$(BUILD)/kernels/%: tests/kernels/%.c
	$(call say,LINK,$@)
	@mkdir -p $(@D)
	$(Q)$(CC) $(CPPFLAGS) $(CFLAGS) $(LDFLAGS) -o $@ $< -lbpf

kernel-tools: $(BUILD)/xdpfwd $(CLANG_OBJS) $(KERNEL_TOOLS)

## deps       install what building, testing and the demo need (apt-get, root)
deps:
	$(Q)scripts/deps.sh build test demo kernels

## demo       install, build, and run the main job in a lab of namespaces (root)
demo:
	$(Q)scripts/deps.sh build demo
	$(Q)$(MAKE) --no-print-directory all
	$(Q)scripts/demo.sh

## test       install, build, and pass every test (root)
test:
	$(Q)scripts/deps.sh build test demo kernels
	$(Q)tests/run.sh

## test-unit  the unit tests        (test-bpf, test-e2e: the other kinds)
test-unit: $(BUILD)/test-unit $(BUILD)/xdpfwd
	$(Q)$<

test-bpf: $(BUILD)/test-bpf
	$(Q)$<

test-e2e: $(BUILD)/xdpfwd
	$(Q)tests/e2e/run.sh

## test-kernels  install, build, and run the kernel matrix, or only ROWS of it (root)
test-kernels:
	$(Q)scripts/deps.sh build kernels
	$(Q)tests/kernels/run.sh $(ROWS)

## budget     measure what the programs cost each kernel's verifier, and accept it (root)
budget:
	$(Q)scripts/deps.sh build kernels
	$(Q)tests/kernels/run.sh --budget

# Programs of the benchmark are built like those of the forwarder.
$(BUILD)/tests/perf/%.skel.h: tests/perf/%.bpf.c $(wildcard bpf/*.h tests/perf/*.h include/xdpfwd/* vmlinux/*.h)
	$(call say,BPF,$@)
	@mkdir -p $(@D)
	$(Q)$(CLANG) $(BPFFLAGS) -iquote bpf -c $< -o $(@:.skel.h=.bpf.o)
	$(Q)$(BPFTOOL) gen skeleton $(@:.skel.h=.bpf.o) name $*_bpf > $@

$(BUILD)/tests/perf/flood.c.o: $(BUILD)/tests/perf/flood.skel.h
$(BUILD)/tests/perf/cost.c.o: $(BUILD)/tests/perf/cost.skel.h
$(BUILD)/bench-cost: $(BUILD)/user/ipaddr.c.o $(BUILD)/tests/lib/packet.c.o
$(BUILD)/bench-flood: $(BUILD)/tests/perf/replies.c.o $(LIB_OBJS)
$(BUILD)/bench-sweep: $(LIB_OBJS)
$(BENCH_BINS): $(BUILD)/bench-%: $(BUILD)/tests/perf/%.c.o
	$(call say,LINK,$@)
	$(Q)$(CC) $(LDFLAGS) -o $@ $^ $(LDLIBS)

## bench      measure everything, write docs/performance.* (root, 10 minutes; bench-quick: 1)
bench: $(BUILD)/xdpfwd $(BENCH_BINS)
	$(Q)scripts/deps.sh bench
	$(Q)tests/perf/bench.py --write

bench-quick: $(BUILD)/xdpfwd $(BENCH_BINS)
	$(Q)tests/perf/bench.py --quick

## fuzz       fuzz the config for FUZZ_SECONDS (60), the programs with FUZZ_PACKETS (5000000; root)
FUZZ_SECONDS ?= 60
FUZZ_PACKETS ?= 5000000
fuzz: $(BUILD)/xdpfwd.skel.h $(BUILD)/test-bpf
	$(Q)scripts/fuzz.sh $(FUZZ_SECONDS)
	$(Q)FUZZ_PACKETS=$(FUZZ_PACKETS) $(BUILD)/test-bpf --filter 'fuzz/*'

## lint       layers, format, clang-tidy, cppcheck, shellcheck
lint: $(BUILD)/xdpfwd.skel.h
	$(Q)scripts/lint.sh

## format     clang-format the sources in place
format:
	$(Q)clang-format -i $$(git ls-files '*.c' '*.h' '*.cpp' ':!vmlinux')

## vmlinux    regenerate vmlinux/vmlinux.h from the running kernel and vmlinux/types.txt
vmlinux:
	$(Q)$(BPFTOOL) btf dump file /sys/kernel/btf/vmlinux format c | \
		scripts/vmlinux-trim.py vmlinux/types.txt > vmlinux/vmlinux.h.new
	$(Q)mv vmlinux/vmlinux.h.new vmlinux/vmlinux.h

## install    install to PREFIX (/usr/local); DESTDIR is honoured
install: $(BUILD)/xdpfwd
	install -D -m 755 $< $(DESTDIR)$(PREFIX)/sbin/xdpfwd
	install -D -m 644 docs/xdpfwd.8 $(DESTDIR)$(PREFIX)/share/man/man8/xdpfwd.8
	install -D -m 644 docs/ports.toml.5 $(DESTDIR)$(PREFIX)/share/man/man5/ports.toml.5
	install -D -m 644 packaging/completion/xdpfwd.bash \
		$(DESTDIR)$(PREFIX)/share/bash-completion/completions/xdpfwd
	install -d $(DESTDIR)$(PREFIX)/lib/systemd/system
	sed 's|=/usr/sbin/|=$(PREFIX)/sbin/|' packaging/systemd/xdpfwd@.service \
		> $(DESTDIR)$(PREFIX)/lib/systemd/system/xdpfwd@.service
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/doc/xdpfwd docs/alerts.yml docs/dashboards/xdpfwd.json

## clean      remove what was built
clean:
	rm -rf build

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)
