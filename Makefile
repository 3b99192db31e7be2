# The commands of the README. Each is complete on a fresh Debian 12, as root or with sudo.
RELEASE := build/release

.PHONY: build run test bench fuzz format clean install
.DEFAULT_GOAL := build

install:
	@tools/install.sh

$(RELEASE)/build.ninja: | install
	@cmake --preset release -DR1_WHOLE=ON >/dev/null

# The program alone.
build: install $(RELEASE)/build.ninja
	@cmake --build --preset release --target r1

# The main job on the embedded default.
run: build
	$(RELEASE)/r1 run recipes/r1-mini.toml

# Everything, then all tests.
test: install $(RELEASE)/build.ninja
	@cmake --build --preset release
	@tools/check_format.sh
	@tools/test.sh $(RELEASE)

# Speed against what this machine can do.
bench: install $(RELEASE)/build.ninja
	@cmake --build --preset release --target r1
	$(RELEASE)/r1 bench

# Each reader of outside bytes for a minute under clang's fuzzer and sanitizers; `make test` replays what it kept.
fuzz:
	@tools/install.sh --developers
	@tools/fuzz.sh 60

format:
	@tools/install.sh --developers
	find src tests -name '*.cc' -o -name '*.h' | xargs clang-format-19 -i

clean:
	rm -rf build
