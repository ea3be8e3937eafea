# keepwarm: make demo | test | deps | bench | fuzz | notebooks | install | golden | fidelity.  SAN=1, SAN=thread, CC=clang, MPI=1.
NVCC ?= $(shell command -v nvcc 2>/dev/null)
B    ?= build$(if $(SAN),/san-$(SAN))
PKGS := gsl libcjson zlib $(shell pkg-config --exists hdf5 && echo hdf5 || echo hdf5-serial)
SRC  := $(shell find sim engine workloads platforms calibrate -name '*.c' 2>/dev/null)
OBJ  := $(SRC:%=$B/%.o)
EMBED := $(sort $(wildcard platforms/*.json calibrate/*.json calibrate/profiles/*.json workloads/*.json))
SANFLAGS := $(if $(filter thread,$(SAN)),-fsanitize=thread,$(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined))
override CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -I. -O2 -g -Wall -Wextra -Wpedantic -Werror -fopenmp \
  -ffp-contract=off -MMD -MP $(SANFLAGS) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
# hdf5_hl holds the dimension scales; it lies beside hdf5 but no .pc file of Debian's names it.
LDLIBS := -lhdf5_hl $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lm
all: $B/keepwarm
lib: $B/libkeepwarm.a
$B/keepwarm: $B/sim/cli/main.c.o $B/libkeepwarm.a
	$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
$B/libkeepwarm.a: $(filter-out %/cli/main.c.o,$(OBJ)) $B/embedded.o
	rm -f $@ && $(AR) rcs $@ $^
$B/embedded.S: sim/core/embed.sh $(EMBED) $B/embedded.list
	sh sim/core/embed.sh $(EMBED) > $@
$B/embedded.list: FORCE
	@mkdir -p $(@D)
	@echo '$(EMBED)' | cmp -s - $@ || echo '$(EMBED)' > $@
$B/embedded.o: $B/embedded.S
	$(CC) -c $< -o $@
# Results carry the revision and the flags they were made with; only version.c is compiled anew when those change.
$B/revision: FORCE
	@mkdir -p $(@D)
	@r="$$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"; echo "$$r" | cmp -s - $@ || echo "$$r" > $@
$B/sim/io/version.c.o: $B/revision
$B/sim/io/version.c.o: override CFLAGS += -DKW_GIT_REVISION='"$(shell cat $B/revision 2>/dev/null || echo unknown)"' \
  -DKW_BUILD_FLAGS='"$(CC) -O2 -ffp-contract=off -fopenmp$(if $(SAN), SAN=$(SAN))"'
$B/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c $< -o $@
$B/tests/%: $B/tests/%.c.o $B/libkeepwarm.a
	$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
profiles: $B/tests/make_profiles
	@mkdir -p calibrate/profiles
	$B/tests/make_profiles $${KEEPWARM_DATA:-../shared/data} calibrate/profiles
.PHONY: all lib profiles FORCE
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
