#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What holds for every kind of network, as root and as a user: where the host is, what files follow, what nobody may reach,
# and what is left of starts that were many or were killed.
load helpers

setup_file() {
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { umiak_teardown_file; }
setup() {
    rootless || return 0
    skip_without_pasta
}
teardown() {
    umiak_teardown
    umiak network prune -f >/dev/null
}

wait_for() { # COMMAND...: until it succeeds, at most fifteen seconds
    for _ in $(seq 300); do "$@" && return; sleep 0.05; done
    echo "never succeeded: $*"; return 1
}
state() { if rootless; then echo "$UMIAK_WORK/xdg"; else echo "$UMIAK_WORK/run"; fi; }
# What a network leaves outside of definitions: leases, intents, names, files of containers' pastas (the way out of a user's
# networks stays up to a minute when a start was killed: it might still be going on).
left() {
    find "$(state)" \( -path '*/leases/[0-9a-f]*[.:]*' -o -path '*/pending/*' -o -path '*/netns/umiak-[0-9]*' -o -path '*/dns/*' ! -name '.*' \) -type f
    if ! rootless; then netns_exec ip -br link | grep veth; netns_exec nft list ruleset 2>/dev/null | grep -E '\. 1800[123] :'; fi
}
nothing_left() { [ -z "$(left)" ]; }

@test "host.containers.internal and host.docker.internal in every mode" {
    run_umiak network create --subnet 10.95.1.0/24 n1
    run_umiak run -d --name owner --network n1 $IMAGE sleep 1000
    host_line() { umiak run --rm "$@" $IMAGE sed -n 's/[[:blank:]]*host\.containers\.internal host\.docker\.internal$//p' /etc/hosts; }
    if rootless; then
        # a pasta without --map-guest-addr gives the host's only address to the container: there is none left for the host
        pasta --help 2>&1 | grep -q map-guest-addr && mapped=169.254.1.2 || mapped=''
        is "$(host_line)" "$mapped" "pasta"
        bridge=169.254.1.2
    else
        is "$(host_line)" 10.88.0.1 "the default bridge"
        bridge=10.95.1.1
    fi
    is "$(host_line --network n1)" "$bridge" "a network"
    is "$(host_line --network container:owner)" "$bridge" "of another container"
    is "$(host_line --network host)" 127.0.0.1 "host"
    pid=$(umiak inspect owner --format '{{.State.Pid}}')
    is "$(host_line --network "ns:/proc/$pid/ns/net")" "" "ns: whose it is nobody knows"
    is "$(host_line --network none)" "" "none"
}

@test "hosts and resolv.conf follow connect and disconnect while the container runs" {
    run_umiak network create --subnet 10.95.1.0/24 n1
    run_umiak network create --subnet 10.95.2.0/24 n2
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak exec a cat /etc/hosts /etc/resolv.conf
    like "$output" "10\.95\.1\.2[[:blank:]].* a.*nameserver 10\.95\.1\.1" "one network"
    [[ $output != *10.95.2.* ]]
    run_umiak network connect --alias other n2 a
    run_umiak exec a cat /etc/hosts /etc/resolv.conf
    like "$output" "10\.95\.1\.2[[:blank:]]" "the first"
    like "$output" "10\.95\.2\.2[[:blank:]]" "and the second address"
    like "$output" "nameserver 10\.95\.2\.1" "and its name server"
    run_umiak network disconnect n1 a
    run_umiak exec a cat /etc/hosts /etc/resolv.conf
    [[ $output != *10.95.1.* ]] || { echo "$output"; return 1; }
    like "$output" "10\.95\.2\.2[[:blank:]].* a.*nameserver 10\.95\.2\.1" "the second alone"
    rootless || like "$output" "10\.95\.2\.1[[:blank:]]host\.containers\.internal host\.docker\.internal" "the host seen from there"
    is "$(grep -c host.containers.internal <<<"$output")" 1 "named once"
}

@test "network: security: L8: no abstract socket can be seen from the host's network, no socket is open to others" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    run_umiak network create --subnet 10.95.1.0/24 n1
    run_umiak run -d --name a --network n1 -p 18001:80 --health-cmd true --health-interval 1s $IMAGE sleep 1000
    run_umiak run -d --name b --network host $IMAGE sleep 1000
    abstract() { umiak exec b sh -c 'grep " @" /proc/net/unix; echo seen'; }
    is "$(abstract)" seen "abstract sockets"
    coproc CONTROL { netns_exec python3 -c 'import socket, sys; s = socket.socket(socket.AF_UNIX); s.bind("\0here"); print("ready", flush=True); sys.stdin.read()'; }
    read -r -t 60 said <&"${CONTROL[0]}"
    is "$said" ready "control: one is open"
    like "$(abstract)" "@here" "control: it is seen"
    eval "exec ${CONTROL[1]}>&-"
    wait "$CONTROL_PID" || true
    found=0
    while read -r socket; do
        found=$((found + 1)) at=$socket
        while [ -z "$(find "$at" -maxdepth 0 ! -type s -perm 0700)" ]; do
            [ "$at" != "$UMIAK_WORK" ] || { echo "open to others: $socket"; ls -ld "$socket"; [ -n "$(find "$socket" -perm 0600)" ] || return 1; break; }
            at=$(dirname "$at")
        done
    done < <(find "$(state)" -type s)
    [ "$found" -gt 0 ]   # control: the monitors have theirs
}

@test "network: security: L10: no program of ours has more rights than who starts it" {
    mkdir "$BATS_TEST_TMPDIR/bin"
    for p in umiak umiak-monitor umiak-worker umiak-resolver umiak-init umiak-oci; do
        [ -x "$UMIAK_BUILD/$p" ] || continue
        ln -s "$UMIAK_BUILD/$p" "$BATS_TEST_TMPDIR/bin/$p"
    done
    rights() { find -L "$BATS_TEST_TMPDIR/bin" -perm /6000; getcap "$BATS_TEST_TMPDIR"/bin/* 2>/dev/null || true; }
    is "$(rights)" "" "setuid, setgid, file capabilities"
    cp /bin/true "$BATS_TEST_TMPDIR/bin/control"; chmod 4755 "$BATS_TEST_TMPDIR/bin/control"
    is "$(rights)" "$BATS_TEST_TMPDIR/bin/control" "control"
}

@test "network: security: L12: names and drivers of networks lead to no file and to no program" {
    for name in ../evil a/b .. -x ''; do run_umiak 125 network create -- "$name"; done
    for driver in ../../bin/sh /bin/sh magic; do
        run_umiak 125 network create -d "$driver" n1
        like "$output" "unsupported driver" "$driver"
    done
    run_umiak 125 network create --ipam-driver ../../bin/sh n1
    run_umiak 1 network exists n1
    run_umiak network create --subnet 10.95.1.0/24 n1   # control: what is right
}

@test "sixty-four starts at once on one network never share an address; everything is given back" {
    run_umiak network create --subnet 10.95.1.0/24 n1
    for i in $(seq 64); do umiak run -d --name m$i --network n1 $IMAGE sleep 1000 >/dev/null 2>"$BATS_TEST_TMPDIR/e$i" 3>&- & done
    wait
    cat "$BATS_TEST_TMPDIR"/e*
    run_umiak network inspect n1 --format '{{range .Containers}}{{range .interfaces}}{{range .subnets}}{{.ipnet}} {{end}}{{end}}{{end}}'
    is "$(tr ' ' '\n' <<<"$output" | grep . | sort -u | wc -l)" 64 "different addresses"
    run_umiak rm -aft0
    wait_for nothing_left
}

@test "kill -9 of a run with two networks and three ports, at any moment, leaves nothing" {
    run_umiak network create --subnet 10.95.1.0/24 n1
    run_umiak network create --subnet 10.95.2.0/24 n2
    for ms in 2 5 10 15 20 30 45 60 80 100 130 170; do
        umiak run --rm --network n1 --network n2 -p 18001:1 -p 18002:2/udp -p 18003:3 $IMAGE sleep 1000 >/dev/null 2>&1 3>&- & pid=$!
        sleep "0.$(printf %03d $ms)"
        end_hard "$pid"
        wait "$pid" 2>/dev/null || true
    done
    umiak rm -aft0 >/dev/null
    run_umiak run --rm --network n1 --network n2 -p 18001:1 -p 18002:2/udp -p 18003:3 $IMAGE true   # the ports are free
    wait_for nothing_left || { left; umiak ps -a; return 1; }
}
end_hard() { # PID: with everything below it
    local child
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do end_hard "$child"; done
    kill -9 "$1" 2>/dev/null || true
}
