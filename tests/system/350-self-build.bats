# SPDX-License-Identifier: Apache-2.0
# A real C project through a build of several stages: Umiak, built by Umiak, runs in the image that comes out. Compilers and
# libraries are the host's, seen through volumes (tools/self-build takes them from Debian's packages: minutes).
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { T=$UMIAK_WORK/tmp; }
teardown() { umiak_teardown; rm -rf "${T:?}"/*; }

@test "Umiak builds Umiak: compile, collect with its libraries, run in the result; again from the cache" {
    skip_rootless "one side is enough"
    cat >"$T/Containerfile" <<END
FROM $IMAGE AS tools
RUN ln -s usr/lib /lib && ln -s usr/lib64 /lib64

FROM tools AS compiled
WORKDIR /src
COPY . .
RUN meson setup --buildtype=release -Dtests=false -Dprefix=/usr /build >/dev/null
RUN ninja -C /build --quiet umiak umiak-monitor umiak-init umiak-worker umiak-fetch

FROM tools AS collected
RUN --mount=type=bind,from=compiled,source=/build,target=/build <<EOF
set -e
mkdir -p /out/bin /out/lib
cp -L /build/umiak /build/umiak-monitor /build/umiak-init /build/umiak-worker /build/umiak-fetch /out/bin/
for loader in /lib*/ld-linux*.so.?; do ! \$loader --list /out/bin/umiak >/dev/null || break; done
mkdir -p /out/\${loader%/*}; cp -L \$loader /out/\$loader
for program in umiak umiak-worker umiak-fetch; do \$loader --list /out/bin/\$program; done | sed -n 's/.*=> \(.*\) (.*/\1/p' | sort -u |
    while read -r library; do cp -L \$library /out/lib/; done
EOF

FROM $IMAGE
COPY --from=collected /out/ /
ENV LD_LIBRARY_PATH=/lib
RUN umiak --version
ENTRYPOINT ["/bin/umiak"]
END
    build() {
        umiak build -q --network none -v /usr:/usr:ro -v /etc/alternatives:/etc/alternatives:ro -f "$T/Containerfile" -t self \
            "$BATS_TEST_DIRNAME/../.."
    }
    run build
    is "$status" 0 "build: $output"
    id=$output
    is "$(umiak run --rm --network none self --version)" "$(umiak --version)" "the built program"
    is "$(build)" "$id" "from the cache"
}
