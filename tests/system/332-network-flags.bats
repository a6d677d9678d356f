#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Flags and options of networks that no other file has: each is seen where it works.
load helpers
load ../lib/far

setup_file() {
    export UMIAK_NET=1
    umiak_setup_file
    rootless || far_start 198.51.100.1/24
}
teardown_file() {
    rootless || far_stop
    umiak_teardown_file
}
setup() { ! rootless || skip_without_pasta; }
teardown() {
    umiak_teardown
    umiak network prune -f >/dev/null
}

host_side() { # COMMAND...: where the bridges are
    if rootless; then umiak unshare --rootless-netns "$@"; else netns_exec "$@"; fi
}
config() { umiak inspect "$1" --format "{{(index .NetworkSettings.Networks \"$2\").$3}}"; }

@test "name servers of a network: create --dns, update --dns-add and --dns-drop, --disable-dns" {
    run_umiak network create --dns 192.0.2.9 named
    run_umiak network update named --dns-add 192.0.2.7,192.0.2.8 --dns-drop 192.0.2.9
    run_umiak network inspect named --format '{{.NetworkDNSServers}}'
    is "$output" "[192.0.2.7 192.0.2.8]" "servers"
    run_umiak 125 network update named --dns-add nothing
    like "$output" "nothing" "what is no address is named"
    run_umiak network create --disable-dns mute
    run_umiak run --rm --network mute $IMAGE cat /etc/resolv.conf
    [[ $output != *dns.podman* ]]
}

@test "network ls: filters, whole ids, names; rm --time; reload --latest" {
    run_umiak network create --label a=b --internal one
    run_umiak network create two
    run_umiak network ls -q --filter label=a=b
    is "$output" one "label"
    run_umiak network ls -q --filter name=tw
    is "$output" two "part of a name"
    run_umiak network ls -q --filter driver=macvlan
    is "$output" "" "driver"
    run_umiak run -d --name c --network two $IMAGE sleep 1000
    run_umiak network ls -q --filter dangling=true
    is "$output" one "unused"
    run_umiak network ls --no-trunc -n --filter name=two
    like "$output" "^[0-9a-f]{64} +two +bridge" "whole id"
    run_umiak network reload --latest
    like "$output" "^[0-9a-f]{64}$" "the last container"
    run_umiak network rm --force --time 0 two
    is "$output" two "with its container"
    run_umiak 1 container exists c
    run_umiak network prune -f --filter label!=a=b
    run_umiak network exists one
}

@test "network connect: --ip, --ip6, --mac-address, --alias; disconnect --force" {
    run_umiak network create --subnet 10.67.0.0/24 --subnet fd67::/64 both
    run_umiak network create first
    run_umiak run -d --name c --network first $IMAGE sleep 1000
    run_umiak network connect --ip 10.67.0.9 --ip6 fd67::9 --mac-address 02:00:00:00:00:67 --alias other both c
    is "$(config c both IPAddress) $(config c both GlobalIPv6Address) $(config c both MacAddress)" "10.67.0.9 fd67::9 02:00:00:00:00:67" "inspect"
    run_umiak exec c ip -o addr show dev eth1
    like "$output" "10.67.0.9/24.*fd67::9/64" "inside"
    run_umiak exec c nslookup -type=a other.dns.podman
    like "$output" "10.67.0.9" "the alias"
    run_umiak network disconnect --force both c
    run_umiak 125 network disconnect --force both c
    [[ $(umiak exec c ip -o link) != *eth1* ]]
}

@test "names and sizes of interfaces: host_interface_name, interface_name, mtu in both spellings" {
    run_umiak network create -o com.docker.network.driver.mtu=1300 --interface-name br-flags small
    run_umiak run -d --name c --network small:host_interface_name=veth-flags,interface_name=in0 $IMAGE sleep 1000
    run host_side ip -o link show veth-flags
    like "$output" "mtu 1300 .*master br-flags" "on the host's side"
    run_umiak exec c ip -o link show in0
    like "$output" "mtu 1300" "in the container"
    run_umiak 125 run --rm --network small:host_interface_name=veth-flags $IMAGE true
    like "$output" "veth-flags" "a name that is taken"
}

@test "outbound addresses: what leaves a network comes from there" {
    skip_rootless "addresses of the host are root's"
    command -v socat >/dev/null || skip "socat is not installed"
    netns_exec ip addr replace 198.51.100.10/24 dev wire0
    netns_exec ip addr replace 198.51.100.77/32 dev wire0
    far socat TCP-LISTEN:9000,fork,reuseaddr SYSTEM:'echo from $SOCAT_PEERADDR' </dev/null >"$BATS_TEST_TMPDIR/socat" 2>&1 3>&- 4>&- &
    run_umiak network create -o outbound_addr4=198.51.100.77 out
    run_umiak network create plain
    for network in out plain; do
        for _ in $(seq 50); do
            run umiak run --rm --network $network $IMAGE nc -w 5 198.51.100.1 9000 </dev/null
            [ -z "$output" ] || break
            sleep 0.2
        done
        if [ $network = out ]; then is "$output" "from 198.51.100.77" "$network"; else is "$output" "from 198.51.100.10" "$network"; fi
    done
    run_umiak 125 network create -o outbound_addr4=fd00::1 bad
    like "$output" "outbound address .fd00::1. is not an IPv4 address" "the other family"
}

@test "an unmanaged bridge is used as it is and stays" {
    skip_rootless "bridges of the host are root's"
    netns_exec ip link add ours0 type bridge
    netns_exec ip addr add 10.68.0.1/24 dev ours0
    netns_exec ip link set ours0 up
    run_umiak network create -o mode=unmanaged --interface-name ours0 --subnet 10.68.0.0/24 theirs
    run_umiak run --rm --cap-add NET_RAW --network theirs $IMAGE ping -c1 -W5 10.68.0.1
    run netns_exec nft list table inet umiak
    [[ $output != *ours0* ]]
    run_umiak network rm theirs
    run netns_exec ip -o addr show dev ours0
    like "$output" "10.68.0.1/24" "as before"
    netns_exec ip link delete ours0
}

@test "publish: -P of exposed ranges, default_host_ips of containers.conf" {
    run_umiak run -d --name c --expose 7000-7002 --expose 53/udp -P $IMAGE sleep 1000
    run_umiak port c
    is "$(sort <<<"$output" | sed 's/-> 0.0.0.0:[0-9]*$/-> it/')" $'53/udp -> it\n7000/tcp -> it\n7001/tcp -> it\n7002/tcp -> it' "four ports"
    printf '[network]\ndefault_host_ips = ["127.0.0.1"]\n' >"$UMIAK_WORK/tmp/conf"
    chmod a+r "$UMIAK_WORK/tmp/conf"
    export CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/tmp/conf
    run_umiak run -d --name d -p 8332:80 -p 0.0.0.0:8333:80 $IMAGE sleep 1000
    unset CONTAINERS_CONF_OVERRIDE
    run_umiak port d
    like "$output" "127.0.0.1:8332" "by default"
    like "$output" "0.0.0.0:8333" "as asked for"
}
