#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks at their limits: full ranges, networks that go while containers start, hosts without IPv6, too many ports.
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

@test "an address range ends where Podman's does; a full one names the network and the remedy" {
    run_umiak network create --subnet 10.66.0.0/24 --ip-range 10.66.0.64/26 wide
    run_umiak network create --subnet 10.66.1.0/24 --ip-range 10.66.1.20/32 one
    run_umiak network inspect wide one --format '{{range .Subnets}}{{.LeaseRange.StartIP}} {{.LeaseRange.EndIP}}{{end}}'
    is "$output" $'10.66.0.65 10.66.0.127\n10.66.1.20 10.66.1.20' "ranges"
    run_umiak run -d --network one $IMAGE sleep 1000
    run_umiak 125 run --rm --network one $IMAGE true
    is "${#lines[@]}" 1 "one line"
    like "$output" "failed to find free IP in range: 10.66.1.20 - 10.66.1.20: network one is full: remove containers from it, or create" "the line"
    run_umiak network create --subnet 10.66.2.0/29 --ip-range 10.66.2.6/31 last   # its end is the subnet's broadcast address
    run_umiak 125 run --rm --network last $IMAGE true
}

@test "a network that is removed while a container starts: one of them wins, no bridge and no rule stays" {
    skip_rootless "a user's bridges go with their namespace"
    local k a b c
    for k in 1 2 3 4 5 6 7 8; do
        run_umiak network create n$k
        umiak run --rm --network n$k $IMAGE true </dev/null >"$BATS_TEST_TMPDIR/a" 2>&1 3>&- 4>&- & a=$!
        umiak network rm n$k </dev/null >"$BATS_TEST_TMPDIR/b" 2>&1 3>&- 4>&- & b=$!
        umiak network prune -f </dev/null >"$BATS_TEST_TMPDIR/c" 2>&1 3>&- 4>&- & c=$!
        wait $a || like "$(cat "$BATS_TEST_TMPDIR/a")" "Error: unable to find network with name or ID n$k: network not found" "the start"
        wait $b || like "$(cat "$BATS_TEST_TMPDIR/b")" "Error: (.n$k. has associated containers|unable to find network)" "rm"
        wait $c || { cat "$BATS_TEST_TMPDIR/c"; return 1; }
    done
    run_umiak network prune -f
    for k in $(seq 100); do [ -n "$(bridges)" ] || break; sleep 0.1; done
    is "$(bridges)" "" "bridges"
    run netns_exec nft list table inet umiak
    [[ $output != *"chain net1_"* ]]
}
bridges() { netns_exec ip -o link show type bridge; }

@test "a host whose interfaces have no IPv6 by default has networks with it" {
    skip_rootless "sysctls of the host are root's"
    netns_exec sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
    run_umiak network create --subnet 10.66.3.0/24 --subnet fd66:3::/64 six
    run umiak run --rm --network six -p 8306:80 $IMAGE ip -o -6 addr show eth0
    netns_exec sysctl -qw net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0
    is "$status" 0 "exit code: $output"
    like "$output" "inet6 fd66:3::" "its address"
}

@test "more published ports than descriptors are one line with the remedy" {
    limited() { ulimit -n 300; umiak "$@"; }
    run limited run --rm -p 20000-21000:20000-21000 $IMAGE true
    is "$status" 126 "exit code"
    is "${#lines[@]}" 1 "one line"
    if rootless; then
        like "$output" "pasta failed .*Can't open enough sockets for port specifier: 20000-21000:20000-21000: publish fewer ports, or raise .ulimit -Hn" "pasta's"
        return
    fi
    like "$output" "each published port needs a descriptor and this process may have 300: publish fewer, raise .ulimit -Hn." "the line"
    run_umiak run --rm -p 20000-20100:20000-20100 $IMAGE true   # control
}
