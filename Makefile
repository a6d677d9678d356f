# SPDX-License-Identifier: Apache-2.0
# A thin front of Meson. `make demo` and `make check` set up what they need by themselves (Debian packages).
BUILD ?= build
PREFIX ?= /usr/local
DESTDIR ?=
RELEASE = --buildtype=release -Doptimization=2 -Db_ndebug=false -Dstrip=true

.PHONY: all demo check check-asan check-self bench bench-build bench-images bench-networks fuzz hostile faults scale install uninstall docs clean

all: $(BUILD)/build.ninja
	@ninja -C $(BUILD) --quiet

$(BUILD)/build.ninja:
	@tools/install-deps build
	@meson setup $(RELEASE) --prefix=$(PREFIX) $(BUILD) >/dev/null

demo: ## install what is needed, build, pull and run a container as root and as a user
	@tools/install-deps build run demo
	@$(MAKE) --no-print-directory all
	@tools/demo $(BUILD)

check: ## install what the tests need and run all of them
	@tools/install-deps build run test
	@$(MAKE) --no-print-directory all
	@tools/check $(BUILD)

check-asan: ## the same tests under AddressSanitizer and UBSan
	@tools/install-deps build run test asan
	@[ -e $(BUILD)-asan/build.ninja ] || meson setup --buildtype=debugoptimized -Db_sanitize=address,undefined \
		-Dwerror=false -Db_lundef=false $(BUILD)-asan >/dev/null
	@ninja -C $(BUILD)-asan --quiet
	@TIMEOUT_MULTIPLIER=10 tools/check $(BUILD)-asan

hostile: ## every scripted bad registry and archive (make check runs a choice of them)
	@tools/install-deps build run test
	@$(MAKE) --no-print-directory all
	@tests/evilreg/evilreg.py $(BUILD)/umiak --all
	@tests/evilreg/evilimg.py $(BUILD)/umiak

check-self: ## builds Umiak's own Containerfile with Umiak, from Debian's packages
	@tools/install-deps build run vm
	@$(MAKE) --no-print-directory all
	@tools/self-build $(BUILD)

bench-build: ## builds beside Podman: steps, cache, stages, a large tree, memory
	@tools/install-deps build run bench
	@$(MAKE) --no-print-directory all
	@bench/build $(BUILD)

bench-images: ## pull, load, push and save of a 500 MB image beside Podman, Skopeo and plain tools
	@tools/install-deps build run test bench
	@$(MAKE) --no-print-directory all
	@bench/images $(BUILD)

bench-networks: ## bridges, ports, connects and bytes beside Podman with Netavark and a pasta started by hand
	@tools/install-deps build run test bench
	@$(MAKE) --no-print-directory all
	@bench/networks $(BUILD)

bench: ## ratios against the kernel floor and against Podman, measured interleaved
	@tools/install-deps build run bench
	@$(MAKE) --no-print-directory all
	@bench/run $(BUILD)

fuzz: ## every fuzz target for FUZZ_SECONDS (60) each
	@tools/install-deps build fuzz
	@tools/fuzz $${FUZZ_SECONDS:-60}

faults: ## the whole kill sweep, the sweeps of failed calls and of full disks, and the power cuts (long)
	@tools/install-deps build run test
	@$(MAKE) --no-print-directory all
	@tests/fault/sweep $(BUILD) full
	@tests/fault/sweep $(BUILD) full fail
	@tests/fault/sweep $(BUILD) $${ROOMS:-100} space
	@DISK=ext4 tests/fault/sweep $(BUILD) $${ROOMS:-100} space
	@tests/fault/netfail $(BUILD) full
	@. tests/lib/test-user; NETFAIL_USER=$$UMIAK_TEST_USER tests/fault/netfail $(BUILD) full
	@tests/fault/powercut $(BUILD) $${CUTS:-100}

scale: ## 64 processes on one store for ten minutes, hundreds of containers at once, and pairs of commands that race
	@tools/install-deps build run test
	@$(MAKE) --no-print-directory all
	@tests/scale/run $(BUILD) $${PROCESSES:-64} $${SECONDS_EACH:-600} $${CONTAINERS:-300}
	@tests/scale/races $(BUILD) $${TURNS:-50}

install: all
	@DESTDIR=$(DESTDIR) meson install -C $(BUILD) --no-rebuild --quiet >/dev/null

clean:
	@rm -rf $(BUILD) $(BUILD)-asan $(BUILD)-fuzz

.PHONY: check-vm
check-vm: ## the system tests in a QEMU guest with systemd and cgroup v2 (slow)
	@tools/install-deps build run test vm
	@$(MAKE) --no-print-directory all
	@tests/vm/run $(BUILD)
