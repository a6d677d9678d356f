# SPDX-License-Identifier: Apache-2.0
# buildah.bash - umiak under the name `buildah`, on the test file's store and in its network namespace.
# Behind umiak_setup_file: buildah_setup; then `buildah ARGS...`.

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
