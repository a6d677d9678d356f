#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Netavark's program in the place of our own bridges and rules: the real one where it is installed, and one that only
# writes down what it is told.
load helpers

setup_file() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_setup_file
    mkdir "$UMIAK_WORK/fake"
    cat >"$UMIAK_WORK/fake/netavark" <<'F'
#!/bin/sh
d=${0%/*}
echo "$@" >>"$d/words"
for verb; do case $verb in setup|teardown) break ;; esac; done
cat >"$d/$verb.json"
[ -e "$2/netavark" ] || exit 9   # --config DIR
stat -L -c %i /proc/self/fd/3 >>"$d/netns"
if [ -e "$d/broken" ]; then echo '{"error":"no luck today"}'; exit 1; fi
[ "$verb" = teardown ] || jq '.networks | map_values({interfaces: {(.interface_name): {mac_address: .static_mac, subnets: []}}})' "$d/setup.json"
F
    chmod 755 "$UMIAK_WORK/fake/netavark"
}
teardown_file() { [ -n "${UMIAK_ROOTLESS:-}" ] || umiak_teardown_file; }
setup() { skip_rootless "Netavark is for root's networks"; }
teardown() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_teardown
    umiak network prune -f >/dev/null
}

use() { # PROGRAM [DIR...]
    printf '[network]\nnetavark = "%s"\n' "$1" >"$UMIAK_WORK/netavark.conf"
    [ $# -lt 2 ] || printf '[engine]\nhelper_binaries_dir = ["%s"]\n' "$2" >>"$UMIAK_WORK/netavark.conf"
    export CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/netavark.conf
}
told() { jq -c "$2" "$UMIAK_WORK/fake/$1.json"; }
left() { find "$UMIAK_WORK"/run/networks-*/ \( -path '*/leases/*/*' ! -name ".last*" \) -o -path '*/netavark/*' -o -path '*/pending/*'; }

@test "netavark is told everything in its own words, and nothing is left when it fails" {
    command -v jq >/dev/null || skip "jq is not installed"
    use netavark "$UMIAK_WORK/fake"
    run_umiak network create --subnet 10.91.0.0/24 n1
    run_umiak run -d --name a --network n1:ip=10.91.0.7,alias=www,mac=02:00:00:00:00:07 -p 127.0.0.1:8081-8082:80-81/udp $IMAGE sleep 1000
    id=$output
    is "$(told setup '[.container_id, .container_name]')" "[\"$id\",\"a\"]" "who"
    is "$(told setup .port_mappings[0])" \
        '{"host_ip":"127.0.0.1","protocol":"udp","host_port":8081,"container_port":80,"range":2}' "ports"
    is "$(told setup '.networks.n1 | [.interface_name, .static_ips, .static_mac, (.aliases | index("www") != null)]')" \
        '["eth0",["10.91.0.7"],"02:00:00:00:00:07",true]' "the attachment"
    is "$(told setup '.network_info.n1 | [.name, .driver, .subnets]')" \
        '["n1","bridge",[{"subnet":"10.91.0.0/24","gateway":"10.91.0.1"}]]' "the definition"
    run cat "$UMIAK_WORK/fake/words"
    like "$output" "--config $UMIAK_WORK/run/networks-.* --rootless=false --aardvark-binary= setup /proc/self/fd/3" "its words"
    rm "$UMIAK_WORK/fake/setup.json"
    run_umiak network ls
    [ ! -e "$UMIAK_WORK/fake/setup.json" ]   # looking changes nothing
    run_umiak network connect --alias extra podman a
    is "$(told setup '.networks | keys')" '["podman"]' "connect is about one network"
    run_umiak network disconnect podman a
    is "$(told teardown '.networks | keys')" '["podman"]' "so is disconnect"
    run_umiak rm -f -t0 a
    is "$(told teardown '[(.networks | keys), .networks.n1.static_ips]')" '[["n1"],["10.91.0.7"]]' "the end"
    is "$(sort -u "$UMIAK_WORK/fake/netns" | wc -l)" 1 "always in the container's namespace"
    is "$(left)" "" "nothing is left"
    touch "$UMIAK_WORK/fake/broken"
    run_umiak 126 run --rm --network n1 $IMAGE true
    rm "$UMIAK_WORK/fake/broken"
    like "$output" "netavark: no luck today" "its own sentence"
    is "$(left)" "" "nothing is left of a failure"
    use "$UMIAK_WORK/none/netavark"
    run umiak run --rm --network n1 $IMAGE true
    [ "$status" != 0 ]
    like "$output" "containers.conf: netavark = \"$UMIAK_WORK/none/netavark\"" "which key"
    printf '[network]\nnetwork_backend = "cni"\n' >"$UMIAK_WORK/netavark.conf"
    run_umiak 125 run --rm --network n1 $IMAGE true
    like "$output" "network_backend = \"cni\": unsupported network backend" "which backend"
    printf '[network]\nnetwork_backend = "netavark"\n' >"$UMIAK_WORK/netavark.conf"
    run_umiak run --rm --network n1 $IMAGE ip -o -4 addr show dev eth0
    like "$output" "10.91.0" "without a program it is ours again"
}

@test "the real netavark: addresses, ports, names, reload; its rules go with the container" {
    dir=
    for d in /usr/local/libexec/podman /usr/libexec/podman /usr/lib/podman; do [ ! -x $d/netavark ] || dir=$d; done
    [ -n "$dir" ] || skip "netavark is not installed"
    command -v iptables >/dev/null || command -v nft >/dev/null || skip "neither iptables nor nft is installed"
    use netavark "$dir"
    run_umiak network create --subnet 10.92.0.0/24 n1
    run_umiak run -d --name a --network n1 -p 8083:80 $IMAGE nc -ll -p 80 -e echo hello
    run_umiak run --rm --network n1 $IMAGE sh -c 'ip -o -4 addr show dev eth0
        for i in 1 2 3 4 5 6 7 8 9; do nc -w 3 10.92.0.2 80 </dev/null && break; sleep 0.3; done'
    like "$output" "10.92.0.3/24" "an address of our choice"
    like "$output" "hello" "its neighbour"
    talk() {
        for _ in $(seq 50); do
            netns_exec timeout 3 bash -c "exec 3<>/dev/tcp/127.0.0.1/8083 && head -1 <&3" 2>/dev/null && return
            sleep 0.1
        done
        return 1
    }
    is "$(talk)" hello "a published port"
    if [ -x $dir/aardvark-dns ]; then
        run_umiak run -d --name b --network n1 $IMAGE sleep 1000
        for _ in $(seq 40); do   # aardvark-dns hears of it by a signal
            run umiak exec b timeout 3 nslookup a.dns.podman
            [ "$status" != 0 ] || break
            sleep 0.2
        done
        like "$output" "Address: 10.92.0.2" "names"
    fi
    run_umiak network reload a
    is "$(talk)" hello "after a reload"
    run_umiak rm -af -t0
    run netns_exec ip -o link show type bridge
    is "$output" "" "its bridge is gone"
    is "$(left)" "" "nothing of ours is left"
}
