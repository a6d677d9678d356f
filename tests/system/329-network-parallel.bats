#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Changes of one container's networks at the same time.
load helpers

setup_file() {
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { umiak_teardown_file; }
setup() { ! rootless || skip_without_pasta; }
teardown() {
    umiak_teardown
    umiak network prune -f >/dev/null
}

# connect|disconnect NAME CONTAINER...: all networks at once; each must succeed
all_at_once() {
    local verb=$1 c=$2 n pids=() failed=0; shift 2
    for n; do
        umiak network "$verb" "$n" "$c" >"$BATS_TEST_TMPDIR/$n.out" 2>&1 3>&- &
        pids+=($!)
    done
    for n in "${pids[@]}"; do wait "$n" || failed=1; done
    [ $failed = 0 ] || cat "$BATS_TEST_TMPDIR"/*.out >&2
    return $failed
}
networks_of() { umiak inspect "$1" --format '{{range $n, $x := .NetworkSettings.Networks}}{{$n}} {{end}}'; }

@test "network connect, disconnect: those that come at the same time all count, of a container that runs and one that does not" {
    for n in p0 p1 p2 p3 p4; do run_umiak network create $n; done
    run_umiak create --name still --network p0 $IMAGE true
    run_umiak run -d --name live --network p0 $IMAGE sleep 1000
    for c in still live; do
        all_at_once connect $c p1 p2 p3 p4
        is "$(networks_of $c)" "p0 p1 p2 p3 p4 " "$c: connected"
        all_at_once disconnect $c p1 p3
        is "$(networks_of $c)" "p0 p2 p4 " "$c: disconnected"
    done
    run_umiak exec live sh -c 'ip -o -4 addr show | grep -c " eth"'
    is "$output" 3 "interfaces"
    run_umiak exec live sh -c 'grep -c live /etc/hosts'
    is "$output" 3 "lines of hosts"
}
