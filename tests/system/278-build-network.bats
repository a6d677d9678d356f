#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 278-build-network.bats - a RUN of a user has pasta's network, as a container of that user has.
load helpers

setup_file() {
    rootless || return 0
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { ! rootless || umiak_teardown_file; }
setup() {
    rootless || skip "pasta is for users"
    command -v pasta >/dev/null || skip "pasta (package passt) is not installed"
    netns_exec setpriv --reuid="$UMIAK_TEST_USER" --clear-groups test -w /dev/net/tun || skip "no /dev/net/tun for the user can be made here"
}

@test "a step has an address, a name server and its line in the hosts file" {
    mkdir "$UMIAK_WORK/tmp/ctx"; chmod a+rx "$UMIAK_WORK/tmp/ctx"
    printf 'FROM %s\nRUN ip -4 addr show eth0; cat /etc/resolv.conf /etc/hosts\n' "$IMAGE" >"$UMIAK_WORK/tmp/ctx/Containerfile"
    chmod a+r "$UMIAK_WORK/tmp/ctx/Containerfile"
    run_umiak build --no-cache "$UMIAK_WORK/tmp/ctx"
    like "$output" "inet 198.51.100.10/24" "address"
    like "$output" "nameserver 169.254.1.1" "forwarder"
    like "$output" "198.51.100.10" "own line in /etc/hosts"
}
