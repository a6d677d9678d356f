# SPDX-License-Identifier: Apache-2.0
# buildah.bash - umiak under the name `buildah`, on the test file's store and in its network namespace.
#
# buildah ARGS...          after buildah_setup, which setup_file here calls; a file with one of its own calls it behind
#                          umiak_setup_file
# context NAME <TEXT       a directory with that Containerfile, and the place we are in from now on is its parent

buildah_setup() {
    mkdir "$UMIAK_WORK/bin"
    ln -s "$UMIAK_BUILD/umiak" "$UMIAK_WORK/bin/buildah"
    export UMIAK_WORKER=$UMIAK_BUILD/umiak-worker
}

buildah() {
    if rootless; then
        setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups \
            env HOME="$UMIAK_WORK/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" "$UMIAK_WORK/bin/buildah" "$@"
    else
        netns_exec "$UMIAK_WORK/bin/buildah" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" "$@"
    fi
}

context() { mkdir -p "$UMIAK_WORK/tmp/$1"; cat >"$UMIAK_WORK/tmp/$1/Containerfile"; chmod -R a+rX "$UMIAK_WORK/tmp"; cd "$UMIAK_WORK/tmp" || return; }

setup_file() {
    umiak_setup_file
    buildah_setup
}
teardown_file() { umiak_teardown_file; }
