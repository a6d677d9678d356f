#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The host side as a whole: what other tools do to it, what is left of it, and what else follows containers around.
load helpers

setup_file() { export UMIAK_NET=1; umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    ! rootless || netns_exec setpriv --reuid="$UMIAK_TEST_USER" --clear-groups test -w /dev/net/tun ||
        skip "no /dev/net/tun for the user can be made here"
}
teardown() {
    umiak_teardown
    umiak network prune -f >/dev/null
}

# The answer of what listens there; asked until there is one.
ask() { # HOST PORT
    for _ in $(seq 50); do
        netns_exec timeout 3 bash -c "exec 3<>/dev/tcp/$1/$2 && head -1 <&3" 2>/dev/null && return
        sleep 0.1
    done
    return 1
}
rules() { netns_exec nft list table inet umiak 2>/dev/null; }

@test "security: L4: rules that another tool flushed come back for every container with the next start" {
    skip_rootless "nobody else is in a user's namespace"
    command -v nft >/dev/null || skip "nft is not installed"
    run_umiak network create n1
    run_umiak run -d --name a -p 8081:80 $IMAGE nc -ll -p 80 -e echo from a
    run_umiak run -d --name b --network n1 -p 8082:80 $IMAGE nc -ll -p 80 -e echo from b
    is "$(ask 127.0.0.1 8081)" "from a" "control"
    for how in "flush ruleset" "flush table inet umiak"; do
        netns_exec nft $how
        run_umiak run --rm -p 8083:80 $IMAGE true
        is "$(ask 127.0.0.1 8081)" "from a" "a's port after: nft $how"
        is "$(ask 127.0.0.1 8082)" "from b" "b's port after: nft $how"
        run_umiak run --rm --network n1 $IMAGE nslookup b.dns.podman
        like "$output" "Address: 10\." "names after: nft $how"
    done
    netns_exec nft flush ruleset
    run_umiak network ls
    is "$(ask 127.0.0.1 8082)" "from b" "after: network ls"
    netns_exec nft flush ruleset
    run_umiak network reload a
    is "$(ask 127.0.0.1 8082)" "from b" "after: network reload of another"
    run_umiak rm -f -t0 a
    run rules
    [[ $output != *8081* ]]   # one that ended is not restored
}

@test "system reset takes bridges, the table and definitions away, but not what others use" {
    skip_rootless
    command -v nft >/dev/null || skip "nft is not installed"
    other() { nsenter --net="$UMIAK_WORK/netns" -- "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/other" --runroot "$UMIAK_WORK/other-run" \
        --network-config-dir "$UMIAK_WORK/other-networks" "$@"; }
    other load -q -i "$UMIAK_WORK/image.tar"
    id=$(other images -q | head -1)
    netns_exec nft add table inet theirs
    run_umiak run -d --name a $IMAGE sleep 1000
    other network create --subnet 10.66.0.0/24 --interface-name reset1 n1
    other run -d --name b --network n1 "$id" sleep 1000
    other run --rm --network podman "$id" true
    other system reset --force
    run other network exists n1
    is "$status" 1 "the definition is gone"
    run netns_exec ip link show reset1
    [ "$status" != 0 ]
    netns_exec ip link show podman0   # somebody else's container is on it
    run rules
    like "$output" podman0 "and its rules are there"
    run_umiak rm -f -t0 a
    other images -q
    other system reset --force
    run netns_exec ip link show podman0
    [ "$status" != 0 ]
    run rules
    [ "$status" != 0 ]
    run netns_exec nft list tables
    is "$output" "table inet theirs" "other tools' tables stay"
    netns_exec nft delete table inet theirs
    # definitions in the system's directory are not those of a root chosen with --root
    [ -d /etc/containers ] || return 0
    run netns_exec unshare -m --propagation private sh -c 'mount -t tmpfs none /etc/containers
        for words in "network create keep" "system reset --force"; do "$@" $words; done; ls /etc/containers/networks' \
        sh "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/other" --runroot "$UMIAK_WORK/other-run"
    like "$output" "keep.json" "the system's definitions"
}

@test "a new name is known on the networks at once, the old one is not" {
    run_umiak network create n1
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak run -d --name b --network n1 $IMAGE sleep 1000
    run_umiak exec b nslookup a.dns.podman
    run_umiak rename a c
    for _ in $(seq 50); do
        run umiak exec b nslookup c.dns.podman
        [ "$status" != 0 ] || break
        sleep 0.1
    done
    like "$output" "Address: 10\." "the new one"
    run_umiak 1 exec b nslookup a.dns.podman
}

@test "guests of a network namespace are in its hosts file as long as they run" {
    run_umiak run -d --name host $IMAGE sleep 1000
    run_umiak run --rm --name guest --network container:host $IMAGE cat /etc/hosts
    like "$output" "127.0.0.1[[:space:]]guest" "while it runs"
    run_umiak run -d --name other --network container:host $IMAGE sleep 1000
    run_umiak exec host cat /etc/hosts
    like "$output" "127.0.0.1[[:space:]]other" "in the host's, too"
    [[ $output != *guest* ]]
    run_umiak 127 run --rm --name bad --network container:host $IMAGE /no/such/command
    run_umiak rm -f -t0 other
    run_umiak exec host cat /etc/hosts
    [[ $output != *other* && $output != *bad* ]]
    run_umiak run --rm --name twice --add-host "twice.example;me:127.0.0.9" --hostname me $IMAGE cat /etc/hosts
    like "$output" "[[:space:]]twice($|[[:space:]])" "a host name that is taken does not take the name with it"
}

@test "networks beside user and pid namespaces of others" {
    run_umiak network create n1
    map=(); rootless || map=(--uidmap 0:200000:1000 --gidmap 0:200000:1000)
    ! rootless || map=(--userns keep-id)
    run_umiak run -d --name a "${map[@]}" $IMAGE sleep 1000
    run_umiak inspect a --format '{{.State.Pid}}'
    user=/proc/$output/ns/user
    for net in "" "--network n1"; do
        for ns in "--userns container:a" "--userns ns:$user" "--pid container:a" "--pid host" \
            "--pid container:a --userns container:a"; do
            run_umiak run --rm $net $ns $IMAGE ip -o -4 addr show dev eth0
            like "$output" "inet [0-9.]+/" "an address: $net $ns"
        done
    done
}

@test "inspect: exposed ports without a place are null, further addresses are secondary" {
    run_umiak network create --subnet 10.94.0.0/24 --subnet 10.95.0.0/24 n2
    run_umiak run -d --name a --expose 90-91/udp --network n2 -p 8084:80 $IMAGE sleep 1000
    run_umiak inspect a --format '{{json .NetworkSettings.Ports}} {{json .Config.ExposedPorts}}'
    like "$output" '"80/tcp":\[\{"HostIp":"0.0.0.0","HostPort":"8084"\}\].*"91/udp":null' "ports"
    like "$output" '"80/tcp":\{\}.*"90/udp":\{\}' "exposed"
    run_umiak inspect a --format '{{json .NetworkSettings.Networks.n2}}'
    like "$output" '"IPAddress":"10.94.0.2"' "the first"
    like "$output" '"SecondaryIPAddresses":\[\{"Addr":"10.95.0.2","PrefixLength":24\}\]' "the second"
}
