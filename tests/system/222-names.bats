#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Names of containers on networks: umiak-resolver, rootful and rootless.
load helpers

setup_file() {
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { umiak_teardown_file; }
setup() {
    if rootless; then
        command -v pasta >/dev/null || skip "pasta (package passt) is not installed"
        netns_exec setpriv --reuid="$UMIAK_TEST_USER" --clear-groups test -w /dev/net/tun || skip "no /dev/net/tun for the user can be made here"
    fi
    umiak network create --subnet 10.91.1.0/24 n1 >/dev/null
    umiak network create --subnet 10.91.2.0/24 n2 >/dev/null
}
teardown() {
    umiak_teardown
    umiak network prune -f >/dev/null
    [ ! -e "$UMIAK_WORK/fake.pid" ] || kill "$(cat "$UMIAK_WORK/fake.pid")" 2>/dev/null || true
    rm -f "$UMIAK_WORK/fake.pid"
}

far() { if rootless; then peer_exec "$@"; else netns_exec "$@"; fi; }
# A name server that is not ours: sets $far_dns, questions go to $UMIAK_WORK/questions.
start_fake() {
    far_dns=198.51.100.1
    rootless || { far_dns=192.0.2.53; netns_exec ip addr replace 192.0.2.53/32 dev lo; }
    far sh -c 'echo $$ >"$1"; shift; exec "$@"' sh "$UMIAK_WORK/fake.pid" "$BATS_TEST_DIRNAME/../lib/fake-dns" "$far_dns" "$@" \
        >"$UMIAK_WORK/questions" 3>&- 2>&1 &
    for _ in $(seq 50); do far ss -Hlun | grep -qF "$far_dns:53 " && far ss -Hltn | grep -qF "$far_dns:53 " && return; sleep 0.1; done
}
resolver_pid() { # of this test's run directory
    local p
    for p in $(pgrep -f '^umiak-resolver '); do
        case $(readlink "/proc/$p/cwd") in "$UMIAK_WORK"/*) echo "$p" ;; esac
    done
}
lookup() { umiak exec "$1" nslookup "${@:2}" 2>&1; }

@test "names, aliases, short ids; with and without the domain; backwards" {
    run_umiak run -d --name web --network n1 --network-alias www --hostname other $IMAGE sleep 1000
    local id=${output:0:12}
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak exec web ip -4 addr show eth0
    [[ $output =~ inet\ (10\.91\.1\.[0-9]+)/ ]]
    local ip=${BASH_REMATCH[1]} name
    for name in web WWW $id web.dns.podman; do
        run lookup a $name
        like "$output" "Address: $ip" "$name"
    done
    run lookup a $ip
    like "$output" "name = web" "backwards"
    run_umiak exec a cat /etc/resolv.conf
    like "$output" "nameserver 10.91.1.1" "resolv.conf"
    run lookup a nobody.dns.podman
    like "$output" "NXDOMAIN|can't find" "unknown names"
    run_umiak rename web shop
    run_umiak rm -f -t0 shop
    run lookup a www.dns.podman
    like "$output" "NXDOMAIN|can't find" "gone with the container"
}

@test "only those who share a network; several networks at once" {
    run_umiak run -d --name one --network n1 $IMAGE sleep 1000
    run_umiak run -d --name two --network n2 $IMAGE sleep 1000
    run_umiak run -d --name both --network n1 --network n2 $IMAGE sleep 1000
    run lookup one two.dns.podman
    like "$output" "NXDOMAIN|can't find" "another network"
    run lookup both two.dns.podman
    like "$output" "Address: 10.91.2." "the second network's name"
    run lookup one both.dns.podman 10.91.2.1
    like "$output" "REFUSED|refused|no servers|timed out|can't find" "another network's server"
    [[ $output != *"Address: 10.91.2.2"* ]]
}

@test "what is not known here is asked at --dns, over udp and tcp, from changing ports with changing ids" {
    start_fake
    run_umiak run -d --name a --network n1 --dns "$far_dns" $IMAGE sleep 1000
    local i
    for i in 1 2 3 4 5 6; do
        run lookup a host$i.example.org
        like "$output" "203.0.113.7" "answer $i"
    done
    run cat "$UMIAK_WORK/questions"
    [[ $output != *" a "* ]]
    [ "$(awk '$1 == "udp" { print $3 }' "$UMIAK_WORK/questions" | sort -u | wc -l)" -ge 6 ]
    [ "$(awk '$1 == "udp" { print $4 }' "$UMIAK_WORK/questions" | sort -u | wc -l)" -ge 6 ]
    run_umiak inspect --format '{{.State.Pid}}' a
    [ "$(id -u)" = 0 ] || return 0
    run nsenter -t "$output" -n python3 - <<'X'
import socket, struct
q = b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\3tcp\7example\3org\0\0\1\0\1"
s = socket.create_connection(("10.91.1.1", 53), 5)
for _ in range(2):
    s.sendall(struct.pack("!H", len(q)) + q)
    n = struct.unpack("!H", s.recv(2))[0]
    print(s.recv(n)[-4:].hex())
X
    is "$output" $'cb007107\ncb007107' "tcp, twice on one connection"
    grep -q '^tcp tcp.example.org' "$UMIAK_WORK/questions"
}

@test "forged answers are not believed" {
    start_fake spoof
    run_umiak run -d --name a --network n1 --dns "$far_dns" $IMAGE sleep 1000
    local i
    for i in 1 2 3; do
        run lookup a host$i.example.org
        like "$output" "203.0.113.7" "the true answer"
        [[ $output != *6.6.6.* ]]
    done
    # control: the forgeries arrive and are well-formed
    [ "$(id -u)" = 0 ] || return 0
    run far python3 -c '
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(3)
s.sendto(b"\x12\x34\x01\0\0\1\0\0\0\0\0\0\3tcp\7example\3org\0\0\1\0\1", (sys.argv[1], 53))
print({s.recvfrom(512)[0][-4:].hex() for _ in range(4)})' "$far_dns"
    echo "$output"; cat "$UMIAK_WORK/questions"
    like "$output" "06060601" "control"
}

@test "an internal network asks nobody" {
    start_fake
    run_umiak network create --internal --subnet 10.91.3.0/24 inner
    run_umiak run -d --name a --network inner --dns "$far_dns" $IMAGE sleep 1000
    run lookup a host.example.org
    like "$output" "NXDOMAIN|can't find" "nothing from outside"
    run lookup a a.dns.podman
    like "$output" "Address: 10.91.3." "control: own names"
    run cat "$UMIAK_WORK/questions"
    is "$output" "" "no question left"
}

@test "one resolver, without rights; killed it comes back; it ends with the last container" {
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak run -d --name b --network n2 $IMAGE sleep 1000
    local pid=$(resolver_pid)
    like "$pid" "^[0-9]+$" "exactly one"
    run cat /proc/$pid/status
    like "$output" "CapEff:.0000000000000000" "capabilities"
    like "$output" "Seccomp:.2" "seccomp"
    like "$output" "NoNewPrivs:.1" "no new privileges"
    [ "$(awk '/^Uid/ { print $2 }' /proc/$pid/status)" != "$(rootless && id -u "$UMIAK_TEST_USER" || echo 0)" ]
    kill -9 $pid
    run lookup a a.dns.podman
    [[ $output != *"Address: 10.91"* ]]
    run_umiak run --rm --network n1 $IMAGE nslookup a.dns.podman
    like "$output" "Address: 10.91.1" "back, and it knows all"
    run_umiak rm -f -t0 a b
    for _ in $(seq 40); do [ -n "$(resolver_pid)" ] || break; sleep 0.1; done
    is "$(resolver_pid)" "" "gone with the last"
}

@test "another name server on the host's port 53 is not in the way" {
    rootless && skip "a user's networks have a namespace of their own"
    netns_exec python3 -c '
import os, socket, sys, time
open(sys.argv[1], "w").write(str(os.getpid()))
u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); u.bind(("0.0.0.0", 53))
t = socket.socket(); t.bind(("0.0.0.0", 53)); t.listen(); time.sleep(60)' "$UMIAK_WORK/fake.pid" 3>&- &
    sleep 0.5
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run lookup a a.dns.podman
    like "$output" "Address: 10.91.1" "names resolve"
}

@test "dns_bind_port of containers.conf" {
    printf '[network]\ndns_bind_port = 1153\n' >"$UMIAK_WORK/dns.conf"
    chmod 644 "$UMIAK_WORK/dns.conf"
    CONTAINERS_CONF_OVERRIDE="$UMIAK_WORK/dns.conf" run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run lookup a a.dns.podman
    like "$output" "Address: 10.91.1" "names resolve"
    local pid=$(resolver_pid)
    [ "$(id -u)" = 0 ] || return 0
    run nsenter -t "$pid" -n ss -lunp
    like "$output" "10.91.1.1:1153" "on that port"
}
