#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks whose addresses are a DHCP server's: one at the other end of a wire, behind a bridge of the host or a macvlan.
load helpers
load ../lib/far

setup_file() {
    export UMIAK_NET=1
    umiak_setup_file
    ! rootless || return 0
    far_start 10.76.0.1/24
    netns_exec ip link add lan0 type bridge
    netns_exec ip link set wire0 master lan0
    netns_exec ip link set lan0 up
    umiak network create -d bridge -o mode=unmanaged --interface-name lan0 --ipam-driver dhcp lan
}
teardown_file() {
    rootless || far_stop
    umiak_teardown_file
}
setup() { rootless || command -v dnsmasq >/dev/null || skip "dnsmasq is not installed"; }
teardown() {
    stop_server
    no_neighbour
    umiak_teardown
    ! rootless || return 0
    is "$(clients)" "" "no client is left"
    is "$(find "$UMIAK_WORK"/run/networks-*/dhcp "$UMIAK_WORK"/run/networks-*/pending -mindepth 1)" "" "no file of theirs is left"
}

clients() { # of this test's run directory
    local p
    for p in $(pgrep -f '^umiak-dhcp '); do
        case $(readlink "/proc/$p/cwd") in "$UMIAK_WORK"/*) echo "$p" ;; esac
    done
}
start_server() { # RANGE [dnsmasq's options...]
    nsenter --net="$UMIAK_WORK/far" -- dnsmasq --no-daemon --conf-file=/dev/null --port=0 --interface=wire1 --bind-interfaces --no-ping --dhcp-authoritative \
        --leasefile-ro --log-dhcp --dhcp-range="$@" </dev/null >"$UMIAK_WORK/server.log" 2>&1 3>&- 4>&- &
    server=$!
    soon grep -q 'DHCP, sockets bound' "$UMIAK_WORK/server.log"
}
stop_server() {
    [ -n "${server:-}" ] || return 0
    kill "$server"
    wait "$server" || true
    server=
}
soon() { # COMMAND...: becomes true within 20 seconds
    local i
    for i in $(seq 200); do ! "$@" || return 0; sleep 0.1; done
    echo "not within 20 seconds: $*"; cat "$UMIAK_WORK/server.log"
    return 1
}
served() { grep -q "$1" "$UMIAK_WORK/server.log"; }
address() { umiak inspect "$1" --format '{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}'; }
has_address() { [[ "$(address "$1")" == $2 ]]; } # CONTAINER PATTERN

@test "a lease: address, gateway, routes, names, in the container and in inspect; given back at the end" {
    skip_rootless "interfaces of the host are root's"
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h --dhcp-option=option:router,10.76.0.1 --dhcp-option=option:dns-server,10.76.0.2,10.76.0.3 \
        --dhcp-option=option:domain-name,lan.example --dhcp-option=option:classless-static-route,10.99.0.0/16,10.76.0.9,0.0.0.0/0,10.76.0.1
    run_umiak run -d --name a --cap-add NET_RAW --hostname box --network lan $IMAGE sleep 1000
    local ip
    ip=$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPAddress}}')
    like "$ip" '^10\.76\.0\.(5[0-9]|60)$' "the address"
    is "$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPPrefixLen}} {{.NetworkSettings.Networks.lan.Gateway}}')" "24 10.76.0.1" "inspect"
    run_umiak exec a ip -4 -o addr show dev eth0
    like "$output" "inet $ip/24" "inside"
    run_umiak exec a ip route
    like "$output" "default via 10.76.0.1 dev eth0" "the default route"
    like "$output" "10.99.0.0/16 via 10.76.0.9" "another route"
    run_umiak exec a cat /etc/resolv.conf
    is "$(grep -c . <<<"$output")" 3 "lines of resolv.conf"
    like "$output" "search lan.example" "the domain"
    like "$output" "nameserver 10.76.0.2" "a name server"
    run_umiak exec a cat /etc/hosts
    like "$output" "$ip.*box" "its own name"
    run_umiak network inspect lan
    like "$output" "$ip/24" "network inspect"
    run_umiak exec a ping -c1 -W2 10.76.0.1
    like "$(cat "$UMIAK_WORK/server.log")" "client provides name: box" "the host name is told"
    run_umiak restart -t0 a
    is "$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPAddress}}')" "$ip" "the same address after a restart"
    run_umiak rm -f -t0 a
    served "DHCPRELEASE(wire1) $ip"
    run_umiak run --rm --dns 192.0.2.1 --network lan $IMAGE cat /etc/resolv.conf
    is "$(grep nameserver <<<"$output")" "nameserver 192.0.2.1" "--dns is what counts"
}

@test "no server: one line that names network and remedy, nothing left; connect and disconnect" {
    skip_rootless "interfaces of the host are root's"
    run umiak run --rm --network lan $IMAGE true
    is "$status" 125 "exit code"
    like "$output" "network lan: no address by DHCP through lan0: no DHCP server answered within 10 seconds: .*--subnet" "the line"
    is "$(clients)" "" "no client is left"
    is "$(netns_exec ip -o link show master lan0 | wc -l)" 1 "no interface is left"
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h
    run_umiak run -d --name a --network none $IMAGE sleep 1000
    run_umiak rm -f -t0 a
    run_umiak network create plain
    run_umiak run -d --name a --network plain $IMAGE sleep 1000
    run_umiak network connect lan a
    like "$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPAddress}}')" '^10\.76\.0\.' "connected"
    run_umiak exec a ip -4 -o addr show dev eth1
    like "$output" "10.76.0." "inside"
    run_umiak network disconnect lan a
    served "DHCPRELEASE"
    is "$(clients)" "" "its client ended"
    run_umiak rm -f -t0 a
    run_umiak network rm plain
}

near() { nsenter --net="$UMIAK_WORK/near" -- "$@"; }
neighbour() { # ADDRESS: a machine on the wire that has it
    touch "$UMIAK_WORK/near"
    unshare --net="$UMIAK_WORK/near" ip link set lo up
    netns_exec ip link add near0 type veth peer name near1
    netns_exec ip link set near1 netns "$UMIAK_WORK/near"
    netns_exec ip link set near0 master lan0 up
    near ip addr add "$1/24" dev near1
    near ip link set near1 up
}
no_neighbour() {
    [ -e "$UMIAK_WORK/near" ] || return 0
    umount "$UMIAK_WORK/near"
    rm "$UMIAK_WORK/near"
    soon no_near0
}
no_near0() { ! netns_exec ip link show near0 >/dev/null 2>&1; }

@test "an address that somebody on the wire has is declined; a server that has no other is named with its address; search domains" {
    skip_rootless "interfaces of the host are root's"
    neighbour 10.76.0.50
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h --dhcp-host=02:00:00:00:00:77,10.76.0.50 \
        --dhcp-option=option:domain-search,a.example,deep.a.example --dhcp-option=option:domain-name,b.example
    run_umiak run -d --name a --mac-address 02:00:00:00:00:77 --network lan $IMAGE sleep 1000
    served "DHCPDECLINE(wire1) 10.76.0.50 02:00:00:00:00:77"
    like "$(address a)" '^10\.76\.0\.(5[1-9]|60) $' "another one"
    run_umiak exec a cat /etc/resolv.conf
    like "$output" "search a.example deep.a.example" "the search list, not the domain"
    run_umiak rm -f -t0 a
    stop_server
    start_server 10.76.0.50,10.76.0.50,255.255.255.0,1h
    run umiak run --rm --network lan $IMAGE true
    is "$status" 125 "exit code"
    like "$output" "network lan: .*the server offers 10.76.0.50, which [0-9a-f:]{17} has already: take it out of the server's range; or .*--subnet" "the line"
    no_neighbour   # control
    stop_server
    start_server 10.76.0.50,10.76.0.50,255.255.255.0,1h
    run_umiak run --rm --network lan $IMAGE ip -4 -o addr show dev eth0
    like "$output" "inet 10.76.0.50/24" "free again"
}

@test "another lease: address, files and inspect follow; a client that was killed comes back with a reload" {
    skip_rootless "interfaces of the host are root's"
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h --dhcp-option=option:dns-server,10.76.0.2
    run_umiak run -d --name a --network lan $IMAGE sleep 1000
    has_address a "10.76.0.[56]*"
    stop_server
    start_server 10.76.0.150,10.76.0.160,255.255.255.0,1h --dhcp-option=option:dns-server,10.76.0.4
    soon renewed a "10.76.0.1[56]? "
    local ip
    ip=$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPAddress}}')
    run_umiak exec a ip -4 -o addr show dev eth0
    like "$output" "inet $ip/24" "inside"
    [[ "$output" != *10.76.0.5* ]]
    run_umiak exec a cat /etc/resolv.conf /etc/hosts
    like "$output" "nameserver 10.76.0.4" "the new server"
    [[ "$output" != *10.76.0.2* ]]
    like "$output" "$ip" "hosts"
    local pid
    for pid in $(clients); do kill -9 "$pid"; done
    soon no_clients
    run_umiak network reload a
    is "$(clients | wc -l)" 2 "keeper and client are back"
    is "$(umiak inspect a --format '{{.NetworkSettings.Networks.lan.IPAddress}}')" "$ip" "with the same address"
    pid=$(umiak inspect a --format '{{.State.Pid}}')
    kill -9 "$pid"   # the container dies: so does the lease
    run_umiak wait a
    soon no_clients
}
renewed() { umiak network reload "$1" >/dev/null; has_address "$1" "$2"; }
no_clients() { [ -z "$(clients)" ]; }

@test "a start that is killed while it waits leaves nothing" {
    skip_rootless "interfaces of the host are root's"
    umiak run -d --name a --network lan $IMAGE sleep 1000 </dev/null >"$UMIAK_WORK/run.log" 2>&1 3>&- 4>&- &
    local waiting=$! pid
    soon has_clients
    for pid in $(pgrep -f "umiak --root $UMIAK_WORK/root .* run -d --name a"); do kill -9 "$pid" || true; done
    wait $waiting || true
    soon no_clients
    run_umiak rm -f -t0 --ignore a
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h
    run_umiak run --rm --network lan $IMAGE true   # sweeps what the killed one began
    is "$(netns_exec ip -o link show master lan0 | wc -l)" 1 "the server's wire alone"
}
has_clients() { [ -n "$(clients)" ]; }

@test "the client has no rights, no files, no other calls" {
    skip_rootless "interfaces of the host are root's"
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h
    run_umiak run -d --name a --network lan $IMAGE sleep 1000
    local pid confined=0
    for pid in $(clients); do
        [ "$(awk '/^Uid:/ { print $2 }' "/proc/$pid/status")" != 0 ] || continue
        is "$(awk '/^Cap(Prm|Eff|Inh|Amb):/ { print $2 }' "/proc/$pid/status" | sort -u)" 0000000000000000 "capabilities"
        is "$(awk '/^(NoNewPrivs|Seccomp):/ { print $2 }' "/proc/$pid/status" | xargs)" "1 2" "no new rights, few calls"
        confined=$((confined + 1))
    done
    is "$confined" 1 "one of the two"
}

@test "macvlan: the server is on the parent's wire; ipvlan and bridges that cannot are refused by name" {
    skip_rootless "interfaces of the host are root's"
    run_umiak network create --ipam-driver dhcp closed
    run umiak run --rm --network closed $IMAGE true
    is "$status" 125 "a bridge of ours"
    like "$output" "network closed: the dhcp ipam driver needs .*mode=unmanaged" "why"
    run_umiak network create -d ipvlan -o parent=lan0 -o mode=l3 --ipam-driver dhcp l3
    run umiak run --rm --network l3 $IMAGE true
    like "$output" "network l3: no DHCP in ipvlan mode l3" "why"
    run_umiak network rm closed l3
    netns_exec ip link add try0 link lan0 type macvlan 2>/dev/null || skip "this kernel has no macvlan"
    netns_exec ip link delete try0
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h
    run_umiak network create -d macvlan -o parent=lan0 mv   # dhcp is what a macvlan without a subnet has
    run_umiak run --rm --network mv $IMAGE ip -4 -o addr show dev eth0
    like "$output" "inet 10.76.0.(5[0-9]|60)/24" "the address"
    run_umiak network rm mv
}

@test "ipvlan: the MAC is the parent's, addresses go by the containers' own names" {
    skip_rootless "interfaces of the host are root's"
    netns_exec ip link add try0 link lan0 type ipvlan 2>/dev/null || skip "this kernel has no ipvlan"
    netns_exec ip link delete try0
    start_server 10.76.0.50,10.76.0.60,255.255.255.0,1h
    run_umiak network create -d ipvlan -o parent=lan0 --ipam-driver dhcp iv
    run_umiak run -d --name a --network iv $IMAGE sleep 1000
    run_umiak run -d --name b --network iv $IMAGE sleep 1000
    like "$(address a) $(address b)" '^10\.76\.0\.(5[0-9]|60)  10\.76\.0\.(5[0-9]|60) $' "addresses"
    [ "$(address a)" != "$(address b)" ]
    is "$(umiak exec a cat /sys/class/net/eth0/address)" "$(umiak exec b cat /sys/class/net/eth0/address)" "one MAC"
    run_umiak rm -f -t0 a b
    is "$(grep -c DHCPRELEASE "$UMIAK_WORK/server.log")" 2 "both are given back"
    run_umiak network rm iv
}

@test "a user's networks have no DHCP: refused by name" {
    rootless || skip "for users"   # whether or not they can have pasta
    run_umiak network create --ipam-driver dhcp mine
    run umiak run --rm --network mine $IMAGE true
    is "$status" 125 "exit code"
    like "$output" "network mine: DHCP is for root's networks.*--subnet" "why"
    run_umiak network rm mine
}
