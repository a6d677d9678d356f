# SPDX-License-Identifier: Apache-2.0
# context.bash - a build context for each test: $CTX.
#
# context_make           in setup: an empty directory that the user may read
# file PATH <TEXT        a file of it
# build OPTIONS          run_umiak build of it, without a network

context_make() {
    CTX=$(mktemp -d "$UMIAK_WORK/tmp/ctx.XXXXXX")
    chmod 755 "$CTX"
}
file() { mkdir -p "$(dirname "$CTX/$1")"; cat >"$CTX/$1"; chmod -R a+rX "$CTX"; }
build() { run_umiak build --network none "$@" "$CTX"; }
