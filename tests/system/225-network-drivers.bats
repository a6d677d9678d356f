#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Drivers and options that need more of the kernel than a bridge: macvlan, ipvlan, VLANs, VRFs.
load helpers
load ../lib/far

setup_file() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_setup_file
    far_start 10.77.0.1/24
}
teardown_file() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    far_stop
    umiak_teardown_file
}
setup() { skip_rootless "interfaces of the host are root's"; }
teardown() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_teardown
    umiak network prune -f >/dev/null
}

need() { # KIND [ip's words]: skips where this kernel has no such interfaces
    netns_exec ip link add try0 "${@:2}" type "$1" ${need_more:-} 2>/dev/null || skip "this kernel has no $1"
    netns_exec ip link delete try0
}
reaches() { umiak exec "$1" ping -c1 -W2 "$2" >/dev/null; } # CONTAINER ADDRESS
inside() { nsenter -t "$(umiak inspect "$1" --format '{{.State.Pid}}')" -n -- "${@:2}"; } # with the host's programs
links() { netns_exec ip -o link show | wc -l; }

@test "macvlan: neighbours on the parent's wire; private ones do not see each other" {
    need macvlan link wire0
    before=$(links)
    run_umiak network create -d macvlan -o parent=wire0 --subnet 10.77.0.0/24 --ip-range 10.77.0.128/25 mv
    run_umiak run -d --cap-add NET_RAW --name a --network mv --mac-address 02:00:00:00:00:77 $IMAGE nc -ll -p 80 -e echo hello
    run_umiak run -d --cap-add NET_RAW --name b --network mv:ip=10.77.0.9 $IMAGE sleep 1000
    run_umiak inspect a --format '{{.NetworkSettings.Networks.mv.IPAddress}} {{.NetworkSettings.Networks.mv.MacAddress}}'
    is "$output" "10.77.0.129 02:00:00:00:00:77" "address and MAC"
    run inside a ip -d link show eth0
    like "$output" "macvlan mode bridge" "the kind"
    reaches a 10.77.0.9
    reaches a 10.77.0.1
    for _ in $(seq 50); do
        run far timeout 3 bash -c 'exec 3<>/dev/tcp/10.77.0.129/80 && head -1 <&3'
        [ "$output" != hello ] || break
        sleep 0.1
    done
    is "$output" hello "from far"
    run_umiak rm -f -t0 a b
    run_umiak network create -d macvlan -o parent=wire0 -o mode=private --subnet 10.78.0.0/24 mp
    run_umiak run -d --cap-add NET_RAW --name a --network mp:ip=10.78.0.8 $IMAGE sleep 1000
    run_umiak run -d --cap-add NET_RAW --name b --network mp:ip=10.78.0.9 $IMAGE sleep 1000
    run reaches a 10.78.0.9
    [ "$status" != 0 ]
    run_umiak rm -f -t0 a b
    for _ in $(seq 50); do [ "$(links)" != "$before" ] || break; sleep 0.1; done
    is "$(links)" "$before" "nothing is left"
}

@test "macvlan: connect, disconnect, metric, no default route, dhcp is refused by name" {
    need macvlan link wire0
    run_umiak network create -d macvlan -o parent=wire0 -o no_default_route=1 --subnet 10.77.0.0/24 mv
    run_umiak run -d --cap-add NET_RAW --name a $IMAGE sleep 1000
    run_umiak network connect --ip 10.77.0.8 mv a
    run_umiak exec a ip -o -4 addr show dev eth1
    like "$output" "10.77.0.8/24" "connected"
    reaches a 10.77.0.1
    run_umiak exec a ip route
    is "$(grep -c default <<<"$output")" 1 "the bridge's default route alone"
    run_umiak network disconnect mv a
    run umiak exec a ip link show eth1
    [ "$status" != 0 ]
    run_umiak network create -d macvlan -o parent=wire0 --ipam-driver dhcp md   # Podman may use it
    run umiak run --rm --network md $IMAGE true
    [ "$status" != 0 ]
    like "$output" "network md: no address by DHCP through wire0: no DHCP server answered within 10 seconds" "the reason"
    netns_exec ip link add gone0 type veth peer name gone1
    run_umiak network create -d macvlan -o parent=gone0 --subnet 10.79.0.0/24 mg
    netns_exec ip link delete gone0
    run umiak run --rm --network mg $IMAGE true
    [ "$status" != 0 ]
    like "$output" "gone0" "which parent"
}

@test "ipvlan: l2 shares the parent's wire and MAC, l3 routes" {
    need ipvlan link wire0
    run_umiak network create -d ipvlan -o parent=wire0 --subnet 10.77.0.0/24 --ip-range 10.77.0.128/25 iv
    run_umiak run -d --cap-add NET_RAW --name a --network iv $IMAGE sleep 1000
    run_umiak run -d --cap-add NET_RAW --name b --network iv:ip=10.77.0.9 $IMAGE sleep 1000
    run inside a ip -d link show eth0
    like "$output" "ipvlan .*mode l2" "the kind"
    reaches a 10.77.0.9
    reaches a 10.77.0.1
    run_umiak rm -f -t0 a b
    run_umiak network create -d ipvlan -o parent=wire0 -o mode=l3 --subnet 10.80.0.0/24 i3
    run_umiak run -d --cap-add NET_RAW --name a --network i3 $IMAGE sleep 1000
    run inside a ip -d link show eth0
    like "$output" "ipvlan .*mode l3" "the kind"
}

@test "bridge with a VLAN: the tag keeps networks of one bridge apart" {
    netns_exec ip link add v0 type bridge vlan_filtering 1 2>/dev/null || skip "this kernel's bridges have no VLAN filter"
    netns_exec ip link delete v0
    command -v bridge >/dev/null || skip "bridge (iproute2) is not installed"
    run_umiak network create -o vlan=77 --subnet 10.81.0.0/24 v77
    run_umiak run -d --cap-add NET_RAW --name a --network v77 $IMAGE sleep 1000
    run_umiak run -d --cap-add NET_RAW --name b --network v77 $IMAGE sleep 1000
    reaches a 10.81.0.3
    run netns_exec bridge vlan show
    is "$(grep -c '77 PVID Egress Untagged' <<<"$output")" 2 "both ports have the tag"
}

@test "bridge in a VRF" {
    need_more="table 177" need vrf
    netns_exec ip link add red type vrf table 177
    netns_exec ip link set red up
    run_umiak network create -o vrf=red --subnet 10.82.0.0/24 --interface-name vrf1 vr
    run_umiak run -d --cap-add NET_RAW --name a --network vr $IMAGE sleep 1000
    run netns_exec ip -o link show vrf1
    like "$output" "master red" "the bridge belongs to it"
    run netns_exec ip route show table 177
    like "$output" "10.82.0.0/24 dev vrf1" "and its routes"
    run_umiak rm -f -t0 a
    netns_exec ip link delete red
    netns_exec ip link delete vrf1 || true
    run umiak run --rm --network vr $IMAGE true
    [ "$status" != 0 ]
    [[ $output == *"vrf red does not exist"* ]]
}
