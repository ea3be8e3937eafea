# `make help` lists the targets: what stands after ## in a rule's line.
NVCC ?= $(shell command -v nvcc 2>/dev/null)
B    ?= build$(if $(SAN),/san-$(SAN))$(if $(NDEBUG),/ndebug)
PKGS := gsl libcjson libmicrohttpd libcurl zlib libzstd nettle $(shell pkg-config --exists hdf5 && echo hdf5 || echo hdf5-serial)
SRC  := $(shell find sim engine workloads platforms calibrate -name '*.c' 2>/dev/null)
OBJ  := $(SRC:%=$B/%.o)
EMBED := $(sort sim/io/scenario/scenario.schema.json $(wildcard platforms/*.json platforms/autoscalers/*.json platforms/network/*.json calibrate/data/*.json calibrate/data/profiles/*.json workloads/models/*.json))
SANFLAGS := $(if $(filter thread,$(SAN)),-fsanitize=thread,$(if $(SAN),-fsanitize=address -fsanitize=undefined -fno-sanitize-recover=undefined))
# What only assertions read is unused without them; the builds with them warn of what is unused in truth.
NOASSERT := $(if $(NDEBUG),-DNDEBUG -Wno-unused-function -Wno-unused-variable -Wno-unused-but-set-variable -Wno-unused-parameter)
override CFLAGS := -std=c11 -D_POSIX_C_SOURCE=200809L -I. -O2 -g -Wall -Wextra -Wpedantic -Werror -fopenmp \
  -ffp-contract=off -MMD -MP $(SANFLAGS) $(NOASSERT) $(shell pkg-config --cflags $(PKGS) 2>/dev/null) $(CFLAGS)
# hdf5_hl holds the dimension scales; it lies beside hdf5 but no .pc file of Debian's names it.
LDLIBS := -lhdf5_hl $(shell pkg-config --libs $(PKGS) 2>/dev/null) -ldl -lm
# How OpenMP's threads wait in the programs run below: sim/cli/exec_self.h has the reason and the figures.
ifndef OMP_WAIT_POLICY
export GOMP_SPINCOUNT ?= 1000
endif
# ThreadSanitizer is told of OpenMP's barriers by clang's runtime with archer; of gcc's it knows nothing and gives false alarms.
ifeq ($(SAN),thread)
export OMP_TOOL_LIBRARIES := $(wildcard $(shell $(CC) -print-resource-dir 2>/dev/null)/../../libarcher.so)
export TSAN_OPTIONS ?= ignore_noninstrumented_modules=1
endif
all: $B/keepwarm $(if $(NVCC),$(if $(SAN),,plugin)) ## the program, build/keepwarm, and the CUDA plugin where nvcc is found
help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))
lib: $B/libkeepwarm.a ## the library the program and the tests are linked from
$B/keepwarm: $B/sim/cli/main.c.o $B/libkeepwarm.a
	$(CC) $(CFLAGS) $^ $(LDLIBS) -o $@
$B/libkeepwarm.a: $(filter-out %/cli/main.c.o,$(OBJ)) $B/embedded.o
	rm -f $@ && $(AR) rcs $@ $^
$B/embedded.S: sim/core/files/embed.sh $(EMBED) $B/embedded.list
	sh sim/core/files/embed.sh $(EMBED) > $@
$B/embedded.list: FORCE
	@mkdir -p $(@D)
	@echo '$(EMBED)' | cmp -s - $@ || echo '$(EMBED)' > $@
$B/embedded.o: $B/embedded.S
	$(CC) -c $< -o $@
# Results carry the revision and the flags they were made with; only version.c is compiled anew when those change.
$B/revision: FORCE
	@mkdir -p $(@D)
	@r="$$(git describe --always --dirty --abbrev=12 2>/dev/null || echo unknown)"; echo "$$r" | cmp -s - $@ || echo "$$r" > $@
$B/sim/io/results/version.c.o: $B/revision
$B/sim/io/results/version.c.o: override CFLAGS += -DKW_GIT_REVISION='"$(shell cat $B/revision 2>/dev/null || echo unknown)"' \
  -DKW_BUILD_FLAGS='"$(CC) -O2 -ffp-contract=off -fopenmp$(if $(SAN), SAN=$(SAN))$(if $(NDEBUG), -DNDEBUG)"'
# The event loop and what it calls at every event: worth 4 % of a replay. No flag here changes what a double is.
HOT := sim/core/files/csv.c sim/core/files/json_scan.c $(addprefix workloads/readers/,read_log.c record.c records.c rows.c row_ids.c timestamp.c time_form.c) engine/scheduler/scheduler.c engine/scheduler/kv_blocks.c calibrate/profile/steptime.c $(shell find sim/fleet -name '*.c')
$(HOT:%=$B/%.o): override CFLAGS += $(if $(SAN),,-O3 -fno-math-errno)
# gcc 12 takes more than five minutes for the inlined matrix kernels under both sanitizers; the one that sees reads beyond an array stays.
$B/engine/cpu/cpu_kernels.c.o: override CFLAGS += $(if $(filter-out thread,$(SAN)),-fno-sanitize=undefined)
$B/%.c.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -c $< -o $@
# What judges published servers and real runs: for `make fidelity` and its tests, no part of the program.
FIDELITY_O := $(patsubst %.c,$B/%.c.o,$(filter-out %/main.c tests/fidelity/test_%,$(wildcard tests/fidelity/*.c)))
$B/tests/fidelity/main $B/tests/fidelity/test_closed_loops $B/tests/fidelity/test_fidelity \
  $B/tests/fidelity/test_real_servers $B/tests/fidelity/test_silicon: $(FIDELITY_O)
$B/tests/%: $B/tests/%.c.o $B/libkeepwarm.a
	$(CC) $(CFLAGS) $(filter %.o,$^) $B/libkeepwarm.a $(LDLIBS) -o $@
# Sees what each linear layer quantises (tests/engine/test_fp8.sh).
$B/tests/engine/fp8_trace: override LDLIBS += -Wl,--wrap=kw_fp8_quantise
# The CUDA backend, a library of its own that is opened at run time: machine code for A100 and H100/H200, PTX for the rest.
# It holds copies of the few C files it shares with the program, everything else of theirs is dropped by the linker.
GENCODE ?= -gencode arch=compute_80,code=sm_80 -gencode arch=compute_90a,code=sm_90a -gencode arch=compute_80,code=compute_80
NVCCFLAGS := -std=c++17 -O3 -I. -Werror all-warnings -Xcompiler -Wall,-Wextra,-fPIC,-fvisibility=hidden $(GENCODE)
PLUGIN_C := sim/core/status.c engine/startup.c engine/backend.c engine/model/config.c engine/model/dtype.c engine/model/synthetic.c engine/model/weights.c
PLUGIN_O := $(PLUGIN_C:%.c=$B/pic/%.o) $(patsubst %.cu,$B/%.cu.o,$(wildcard engine/cuda/*.cu))
cuda: $B/libkeepwarm_cuda.so ## the CUDA plugin; fails where nvcc 12.9 is missing
# What all, demo, test and install do about it: nothing fails where nvcc or cuBLASLt's header is missing or too old.
CUDA_FITS = printf '%s\n' '\#include <cublasLt.h>' '\#if CUBLAS_VERSION < 120900' '\#error old' '\#endif' | $(NVCC) -x cu -E - >/dev/null 2>&1
plugin: # a make of its own: what it needs is only known when the recipe runs
	@if [ -e $B/libkeepwarm_cuda.so ] || { $(CUDA_FITS); }; then $(MAKE) --no-print-directory -s $B/libkeepwarm_cuda.so; \
	else echo "no CUDA plugin: $(NVCC) is older than 12.9 or lacks cublasLt.h; everything but --backend cuda works without"; fi
$B/pic/%.o: %.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -fvisibility=hidden -ffunction-sections -fdata-sections -c $< -o $@
NVCC_OR_ADVICE = $(or $(NVCC),$(error no nvcc: install the CUDA toolkit (12.9 or newer) or set NVCC; everything but --backend cuda works without))
$B/%.cu.o: %.cu
	@mkdir -p $(@D)
	$(NVCC_OR_ADVICE) $(NVCCFLAGS) -MMD -MP -MF $(@:.o=.d) -c $< -o $@
$B/libkeepwarm_cuda.so: $(PLUGIN_O)
	$(NVCC) $(GENCODE) -shared -cudart static -Xlinker --gc-sections,-z,defs $^ -ldl -lm -lpthread -o $@
# The same source for the host, under tests/gpu/emulate.h (tests/gpu/test_cuda.sh, for any C++17 compiler).
EMULATED := rows gemv decode prefill device backend
EMULATE_FLAGS := -std=c++17 -MMD -MP -O2 -g -ffp-contract=off -Wall -Wextra -Werror -Wno-unknown-pragmas -I. -Itests/gpu
$B/tests/gpu/%.cu.o: engine/cuda/%.cu
	@mkdir -p $(@D)
	$(CXX) -x c++ $(EMULATE_FLAGS) -c $< -o $@
$B/tests/gpu/%.cpp.o: tests/gpu/%.cpp
	@mkdir -p $(@D)
	$(CXX) $(EMULATE_FLAGS) -c $< -o $@
$B/tests/gpu/test_emulated: $(EMULATED:%=$B/tests/gpu/%.cu.o) $(patsubst %,$B/tests/gpu/%.cpp.o,test_emulated emulate emulate_gemm) \
  $B/libkeepwarm.a
	$(CXX) -fopenmp $^ $(LDLIBS) -o $@
# Programs for a GPU machine (tests/gpu.sh); of the libraries they need no more than cJSON and GSL, which may lie beside them.
BESIDE := -Wl,--as-needed,--disable-new-dtags,-rpath,'$$ORIGIN/lib'
$B/tests/gpu/test_gpu: $B/tests/gpu/test_gpu.cpp.o $B/libkeepwarm.a
	$(CXX) -fopenmp $^ $(BESIDE) $(LDLIBS) -lpthread -o $@
$B/tests/gpu/bench_gpu $B/tests/gpu/logits: $B/tests/gpu/%: $B/tests/gpu/%.c.o $B/libkeepwarm.a
	$(CC) -fopenmp $^ $(BESIDE) $(LDLIBS) -lpthread -o $@
# Built ahead and side by side for tests/gpu/test_cuda.sh, which says what failed.
cuda-tests: $B/libkeepwarm.a
	-@$(MAKE) --no-print-directory -s -k $(if $(NVCC),plugin) \
	  $(if $(shell command -v $(CXX) 2>/dev/null),$B/tests/gpu/test_emulated) lib
gpu-programs: $B/libkeepwarm_cuda.so $B/tests/gpu/test_gpu $B/tests/gpu/bench_gpu $B/tests/gpu/logits ## what tests/gpu.sh takes to a GPU machine
gpu-test: gpu-programs ## build and run the tests that need a GPU, here
	$B/tests/gpu/test_gpu $B/libkeepwarm_cuda.so
# Two libraries that are not this program's plugin.
$B/tests/gpu/other_abi.so $B/tests/gpu/no_plugin.so: tests/gpu/other_abi.c
	@mkdir -p $(@D)
	$(CC) $(CFLAGS) -fPIC -shared $(if $(findstring no_plugin,$@),-DNO_SYMBOL) $< -o $@
fidelity: $B/tests/fidelity/main ## judge the simulator by published servers: results/fidelity.h5
	@mkdir -p results
	@$B/tests/fidelity/main $${KEEPWARM_DATA:-../shared/data} results/fidelity.h5
# How often the 95 % intervals of a week hold the truth; tests/coverage/coverage.txt keeps what it printed last.
coverage: deps ## how often 95 % intervals hold the truth, over 1,000 weeks
	@$(MAKE) --no-print-directory -s $B/tests/coverage/coverage
	@$B/tests/coverage/coverage
# Speed beside the peers' figures and the marks; ratios within one run are what to trust. Without assertions, which are on in every
# other build: make NDEBUG=1 compiles them out into a folder of its own.
BENCH := $(if $(NDEBUG),$B,$B/ndebug)
bench: deps ## speed of simulator and engine beside the peers' figures
	@$(MAKE) --no-print-directory -s NDEBUG=1 B=$(BENCH) $(addprefix $(BENCH)/,keepwarm tests/bench/bench_mm1 tests/bench/bench_fleet tests/bench/bench_read)
	@/usr/bin/python3 tests/bench/bench.py $(BENCH)
	@/usr/bin/python3 tests/bench/bench_peer.py $(BENCH)
# The main job on the embedded week: which platform, which GPU, how many replicas kept warm?
demo: deps ## the main job on an embedded week of chat: results/demo.h5, demo.html
	@$(MAKE) --no-print-directory -s -j$$(nproc) all
	@mkdir -p results
	$B/keepwarm plan --trace workloads/chat-week.json --model llama-3.1-8b --slo ttft_p95=2s -o results/demo.h5
	@$B/keepwarm report results/demo.h5 -o results/demo.html
# Executes the notebooks headless on the demo's result and on what `make fidelity` and `calibrate validate` left in results/;
# their pictures are in results/*.ipynb.
notebooks: results/demo.h5 results/trace.h5 results/volumes.h5 ## execute notebooks/ on the embedded week and on what fidelity and validate left in results/
	@cd notebooks && for n in *.ipynb; do /usr/bin/python3 -W ignore -m jupyter nbconvert --log-level=ERROR --to notebook --execute \
	  --output-dir ../results --output "$$n" "$$n" || exit 1; echo "notebooks/$$n -> results/$$n"; done
results/demo.h5:
	@$(MAKE) --no-print-directory demo
results/trace.h5: | $B/keepwarm
	@mkdir -p $(@D) && $B/keepwarm trace convert workloads/chat-week.json -o $@
results/volumes.h5: | $B/keepwarm
	@mkdir -p $(@D) && $B/keepwarm plan --trace workloads/chat-week.json --model llama-3.1-8b --slo ttft_p95=2s --break-even -o $@ >/dev/null
# Brute force outside of the plan over every setting of a few offers; tests/cases/test_regret.sh has a small part of it.
regret: $B/keepwarm ## how far a plan is from the cheapest that brute force finds: <= 3 %
	@KEEPWARM=$B/keepwarm python3 tests/cases/regret.py --all
# Each way against cold starts on the embedded week and on a public one; tests/cases/mitigations.txt keeps what it printed last.
mitigations: $B/keepwarm ## what each way against cold starts does to cost, cold requests and TTFT
	@KEEPWARM=$B/keepwarm /usr/bin/python3 tests/cases/mitigations.py
# The best schedules by the hour, how near the best they are, and what they do on other weeks; tests/cases/schedules.txt keeps it.
schedules: $B/keepwarm ## how far schedules by the hour are from the best of their kind
	@KEEPWARM=$B/keepwarm /usr/bin/python3 tests/cases/schedules.py
# Rewrites tests/sim/cli/golden/*.txt from what the program prints now: read the difference before you commit it.
golden: $B/keepwarm ## rewrite the golden texts of tests/sim/cli; read them as a diff
	@KEEPWARM=$B/keepwarm tests/sim/cli/test_golden.sh --rewrite
PREFIX ?= /usr/local
install: all ## program, plugin, man page, completions and examples to PREFIX=/usr/local
	install -Dm755 $B/keepwarm $(DESTDIR)$(PREFIX)/bin/keepwarm
	@[ ! -e $B/libkeepwarm_cuda.so ] || install -Dm755 $B/libkeepwarm_cuda.so $(DESTDIR)$(PREFIX)/lib/keepwarm/libkeepwarm_cuda.so
	@mkdir -p $(DESTDIR)$(PREFIX)/share/man/man1 $(DESTDIR)$(PREFIX)/share/bash-completion/completions $(DESTDIR)$(PREFIX)/share/zsh/site-functions
	$B/keepwarm man | sed 's|/usr/local|$(PREFIX)|' > $(DESTDIR)$(PREFIX)/share/man/man1/keepwarm.1
	$B/keepwarm completion bash > $(DESTDIR)$(PREFIX)/share/bash-completion/completions/keepwarm
	$B/keepwarm completion zsh > $(DESTDIR)$(PREFIX)/share/zsh/site-functions/_keepwarm
	@mkdir -p $(DESTDIR)$(PREFIX)/share/doc/keepwarm/examples
	install -m644 sim/io/scenario/scenario.example.json sim/io/scenario/scenario.schema.json $(DESTDIR)$(PREFIX)/share/doc/keepwarm/examples
	$B/keepwarm init > $(DESTDIR)$(PREFIX)/share/doc/keepwarm/examples/scenario.commented.json
kernels: $B/tests/calibrate/make_kernels $B/tests/calibrate/make_operator_tables ## rewrite calibrate/data/kernels.json, gemm.json and experts*.json from the published tables in KEEPWARM_DATA
	$B/tests/calibrate/make_kernels $${KEEPWARM_DATA:-../shared/data} > $B/kernels.json && mv $B/kernels.json calibrate/data/kernels.json
	for t in gemm experts experts-balanced; do $B/tests/calibrate/make_operator_tables $${KEEPWARM_DATA:-../shared/data} $$t > $B/$$t.json && \
	  mv $B/$$t.json calibrate/data/$$t.json || exit 1; done

profiles: $B/tests/calibrate/make_profiles ## rewrite calibrate/data/profiles from the published tables in KEEPWARM_DATA
	@mkdir -p calibrate/data/profiles
	$B/tests/calibrate/make_profiles $${KEEPWARM_DATA:-../shared/data} calibrate/data/profiles

# What to install on Debian or Ubuntu, in one place: to build, to test, and to run the notebooks.
DEPS := gcc make pkg-config zlib1g-dev libzstd-dev nettle-dev libgsl-dev libcjson-dev libhdf5-dev libmicrohttpd-dev libcurl4-openssl-dev \
  hdf5-tools python3-numpy python3-jsonschema python3-h5py python3-h5netcdf python3-xarray python3-simpy \
  python3-matplotlib jupyter-nbconvert python3-ipykernel clang-format
# make deps PACKAGES='...' asks for others.
PACKAGES = $(DEPS)
FUZZ_DEPS := clang llvm
deps: ## install the Debian packages that build, tests and notebooks want
	@command -v dpkg-query >/dev/null || { pkg-config --exists $(PKGS) && exit 0; \
	  echo "make deps knows Debian packages only; install the equivalents of: $(PACKAGES)" >&2; exit 1; }; \
	missing=$$(for p in $(PACKAGES); do dpkg-query -W -f '$${db:Status-Status}\n' $$p 2>/dev/null | grep -qx installed || \
	  echo $$p; done | tr '\n' ' '); \
	[ -n "$$missing" ] || { echo "dependencies: all $(words $(PACKAGES)) packages are installed"; exit 0; }; \
	echo "dependencies: missing $$missing"; \
	if [ $$(id -u) = 0 ]; then as=; elif sudo -n true 2>/dev/null; then as='sudo -n'; else \
	  echo "run this, then make again: sudo apt-get update && sudo apt-get install -y --no-install-recommends $$missing" >&2; \
	  exit 1; fi; \
	$$as apt-get update && $$as env DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $$missing

# A second make, because the first looked for libraries before deps could install them.
test: deps ## install what is missing, build, run every test; SAN=1, SAN=thread CC=clang
	@$(MAKE) --no-print-directory -s $(if $(filter -j%,$(MAKEFLAGS)),,-j$$(nproc)) check
# Every tests/**/test_*.c is a program and every test_*.sh a script of its own; those in tests/gpu run from test_cuda.sh.
TESTS := $(patsubst %.c,$B/%,$(shell find tests -path tests/gpu -prune -o -name 'test_*.c' -print | sort))
SCRIPTS := $(shell find tests -name 'test_*.sh' | sort)
format-check: ## every C, C++ and CUDA file as clang-format 14 sets it; part of test
	@tests/test_format.sh
format: ## rewrite what format-check names
	@tests/test_format.sh --rewrite
check: $(TESTS) $(if $(wildcard sim/cli/main.c),$B/keepwarm) $(if $(SAN),,$B/tests/engine/fp8_trace cuda-tests) ## test, without deps
	@KEEPWARM=$B/keepwarm tests/run.sh $(TESTS) $(if $(SAN),$(if $(filter thread,$(SAN)),tests/engine/test_http.sh tests/engine/test_load.sh),$(SCRIPTS))

ORACLE_SEED ?= 1
oracle: $B/keepwarm ## 500 random scenarios against an independent model of replica lives and bills; make test takes 26
	@/usr/bin/python3 tests/oracle/compare.py $(ORACLE_SEED) 500 $B/keepwarm

SEARCH_SEED ?= 1
search: $B/keepwarm ## 200 random plans and the example by the search and with --exhaustive: the same to the bit; make test takes 9
	@/usr/bin/python3 tests/search/exact.py $(SEARCH_SEED) 200 $B/keepwarm

mutations: deps ## change the code in one place at a time (tests/mutation/mutations.txt): which change does no test notice?
	@/usr/bin/python3 tests/mutation/run.py

# Fuzz targets: libFuzzer over every parser, each for FUZZ_S seconds from its seeds. What crashes lies in build/fuzz.
FUZZ_S ?= 60
FUZZFLAGS := -fsanitize=address,undefined -fno-sanitize-recover=undefined
FUZZ := $(patsubst tests/fuzz/%.c,build/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))
fuzz-lib: # a second make, with its own build folder
	@$(MAKE) --no-print-directory -s lib CC=clang B=build/fuzz/obj CFLAGS='-fsanitize=fuzzer-no-link $(FUZZFLAGS)'
build/fuzz/fuzz_%: tests/fuzz/fuzz_%.c fuzz-lib
	@clang $(filter-out -MMD -MP,$(CFLAGS)) -fsanitize=fuzzer $(FUZZFLAGS) $< build/fuzz/obj/libkeepwarm.a $(LDLIBS) -o $@
fuzz: ## every parser under libFuzzer for FUZZ_S=60 seconds each
	@$(MAKE) --no-print-directory deps PACKAGES='$(DEPS) $(FUZZ_DEPS)'
	@$(MAKE) --no-print-directory -s fuzz-run
fuzz-run: $(FUZZ)
	@tests/fuzz/run.sh $(FUZZ_S) $(FUZZ)
.PHONY: all coverage lib cuda gpu-programs gpu-test bench demo notebooks golden install fidelity profiles kernels deps test check mutations fuzz \
  oracle regret search mitigations schedules format format-check help
# Steps of the above, for no one to call: not in make help.
.PHONY: plugin cuda-tests fuzz-run fuzz-lib FORCE
.SECONDARY:
-include $(shell find $B -name '*.d' 2>/dev/null)
