#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 271-build-nested.bats - builds inside of a container that has no further rights: --isolation chroot.
load helpers

setup_file() {
    umiak_setup_file
    mkdir -p "$UMIAK_WORK/ctx"
    echo data >"$UMIAK_WORK/ctx/f"
    printf 'FROM %s\nRUN id -u; echo x > /x; test -e /proc/self/status; echo > /dev/null\nCOPY f /f\nRUN cat /f /x\n' "$IMAGE" \
        >"$UMIAK_WORK/ctx/Containerfile"
    cat >"$UMIAK_WORK/inner.sh" <<END
set -e
export PATH=/usr/bin:/bin
U="/umiak/umiak --root /tmp/st/root --runroot /tmp/st/run"
\$U load -q -i /image.tar; \$U tag "\$(\$U images -q)" $IMAGE
\$U build "\$@" -t inner /ctx
\$U run --help >/dev/null
END
    chmod -R a+rX "$UMIAK_WORK/ctx" "$UMIAK_WORK/inner.sh"
}
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

# The programs and libraries of the host in a container of the plain test image.
nested() {
    run_umiak run --rm --network none -v "$UMIAK_BUILD:/umiak:ro" -v "$UMIAK_WORK/image.tar:/image.tar:ro" -v "$UMIAK_WORK/ctx:/ctx:ro" \
        -v "$UMIAK_WORK/inner.sh:/inner.sh:ro" -v /usr:/usr:ro -v /lib:/lib:ro -v /lib64:/lib64:ro "$IMAGE" sh /inner.sh "$@"
}

@test "a build runs inside of a container without further rights" {
    nested --isolation chroot
    [[ $output == *$'\n0\n'* ]]             # id -u
    [[ $output == *$'\ndata\nx\n'* ]]       # COPY and RUN
    [[ $output == *"Successfully tagged localhost/inner:latest"* ]]
}

@test "the environment chooses the isolation, other networks than the host's are refused" {
    printf 'FROM %s\nRUN readlink /proc/self/ns/net; readlink /proc/self/ns/mnt\n' "$IMAGE" >"$UMIAK_WORK/tmp/Containerfile"
    chmod a+r "$UMIAK_WORK/tmp/Containerfile"
    run_umiak 125 build --isolation chroot --network none -f "$UMIAK_WORK/tmp/Containerfile" "$UMIAK_WORK/ctx"
    [[ $output == *"cannot set --network other than host with --isolation chroot"* ]]
    run_umiak 125 build --isolation nosuch -f "$UMIAK_WORK/tmp/Containerfile" "$UMIAK_WORK/ctx"
    [[ $output == *'unrecognized isolation type "nosuch"'* ]]
    BUILDAH_ISOLATION=chroot run_umiak build --no-cache -f "$UMIAK_WORK/tmp/Containerfile" "$UMIAK_WORK/ctx"
    inside=$(grep -o 'net:\[[0-9]*\]' <<<"$output")
    is "$inside" "$(netns_exec readlink /proc/self/ns/net)" "the network namespace"
    [[ $output == *"mnt:["* && $output != *"$(readlink /proc/self/ns/mnt)"* ]]
}
