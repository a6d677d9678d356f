#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# How a container starts and ends, seen from outside.
load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "start: a network namespace is its container's alone, who made it stays at home" {
    local host a b
    host=$(umiak run --rm --network host $IMAGE readlink /proc/self/ns/net)
    run_umiak 0 run -d --name a --network none $IMAGE sleep 1000
    run_umiak 0 run -d --name b --network none $IMAGE sleep 1000
    a=($(umiak inspect --format '{{.State.Pid}} {{.State.ConmonPid}}' a))
    b=($(umiak inspect --format '{{.State.Pid}} {{.State.ConmonPid}}' b))
    [ "$(readlink /proc/${a[0]}/ns/net)" != "$host" ]
    [ "$(readlink /proc/${b[0]}/ns/net)" != "$host" ]
    [ "$(readlink /proc/${a[0]}/ns/net)" != "$(readlink /proc/${b[0]}/ns/net)" ]
    is "$(readlink /proc/${a[1]}/ns/net)" "$host" "the monitor's network namespace"
    run_umiak 0 exec a sh -c 'ls /sys/class/net; cat /sys/class/net/lo/flags'
    is "$output" $'lo\n0x9' "a loopback interface that is up, and nothing else"
    run_umiak 0 rm -f -t0 a b
}

@test "start: with another user namespace the network namespace belongs to that one" {
    run_umiak 0 run --rm --network none --uidmap 0:1:1000 --gidmap 0:1:1000 --cap-add net_admin $IMAGE \
        sh -c 'ip link set lo mtu 1400 && cat /sys/class/net/lo/mtu'
    is "$output" 1400 "root of the container configures it"
}

@test "start: --pid host and a joined network namespace" {
    run_umiak 0 run --rm --network none --pid host $IMAGE cat /sys/class/net/lo/flags
    is "$output" 0x9 "loopback beside the host's processes"
    run_umiak 0 run -d --name a --network none $IMAGE sleep 1000
    run_umiak 0 run --rm --network container:a $IMAGE readlink /proc/self/ns/net
    is "$output" "$(umiak exec a readlink /proc/1/ns/net)" "the namespace of the other"
    run_umiak 0 rm -f -t0 a
}

@test "start: a control group that a killed start left goes with the next ps, one in use stays" {
    skip_rootless "root's groups"
    local parent dir left
    run_umiak 0 run -d --name a --network none $IMAGE sleep 1000
    for parent in /sys/fs/cgroup /sys/fs/cgroup/unified /sys/fs/cgroup/pids; do
        [ ! -d $parent/libpod_parent ] || dir=$parent/libpod_parent
    done
    [ -n "$dir" ] || skip "no group of ours is seen here"
    left=$dir/libpod-$(od -An -N32 -tx1 /dev/urandom | tr -d ' \n')
    mkdir "$left"
    touch -d '2 minutes ago' "$left"
    rm -f "$UMIAK_WORK/run/cgroups-swept"   # it looks once a minute
    run_umiak 0 ps
    [ ! -d "$left" ]
    run_umiak 0 exec a true
    run_umiak 0 rm -f -t0 a
}

@test "exec: a process that dies while it enters the container is told, not waited for" {
    if rootless; then skip "a command of a user enters namespaces of its own first"; fi
    run_umiak 0 run -d --name dying --network none $IMAGE sleep 1000
    run timeout 60 strace -f -qq -o "$BATS_TEST_TMPDIR/calls" -e trace=setns -e inject=setns:signal=KILL:when=1 "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" exec dying true
    like "$(<"$BATS_TEST_TMPDIR/calls")" "killed by SIGKILL" "it was killed on its way"
    is "$status" 126 "it ended: $output"
    like "$output" "could not be made: the container has just ended" "what is said"
    run_umiak 0 exec dying true
    run_umiak 0 rm -ft0 dying
}
