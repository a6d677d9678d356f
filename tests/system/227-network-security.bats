#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What must not pass: seen from a machine far away (root's networks), each with a control that shows the same thing passing.
load helpers
load ../lib/far

setup_file() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_setup_file
    far_start 198.51.100.1/24
    netns_exec ip addr add 198.51.100.10/24 dev wire0
    netns_exec ip route add default via 198.51.100.1
}
teardown_file() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    far_stop
    umiak_teardown_file
}
setup() { skip_rootless "a user's networks are behind pasta"; }
teardown() {
    [ -z "${UMIAK_ROOTLESS:-}" ] || return 0
    umiak_teardown
    umiak network prune -f >/dev/null
}

# What listens there says something. tries: until it does, at most so often.
ask() { # TRIES HOST PORT PREFIX...
    for _ in $(seq "$1"); do
        "${@:4}" timeout 2 bash -c "exec 3<>/dev/tcp/$2/$3 && head -1 <&3" 2>/dev/null && return
        sleep 0.1
    done
    return 1
}
# IPv4 packets that came over the wire.
heard() { far nft list table ip heard | sed -n 's/.*counter packets \([0-9]*\) .*/\1/p'; }

@test "network: security: L3: an internal network says nothing to the outside, not even questions about names" {
    command -v nft >/dev/null || skip "nft is not installed"
    far nft add table ip heard
    far nft add chain ip heard in '{ type filter hook prerouting priority -300; }'
    far nft add rule ip heard in iifname wire1 counter
    shout='nslookup -type=a example.com & nslookup example.com 198.51.100.1 & echo x | nc -u -w 1 198.51.100.1 9 & nc -w 1 198.51.100.1 9 </dev/null & sleep 1.5'
    run_umiak network create --internal --subnet 10.93.1.0/24 inner
    run_umiak network create --subnet 10.93.2.0/24 outer
    before=$(heard)
    run umiak run --rm --dns 198.51.100.1 --network inner $IMAGE sh -c "$shout"
    run umiak run --rm --network inner --cap-add NET_ADMIN $IMAGE sh -c "ip route add default via 10.93.1.1; $shout"
    is "$(heard)" "$before" "packets of the internal network"
    for _ in 1 2 3 4 5; do   # control
        run umiak run --rm --dns 198.51.100.1 --network outer $IMAGE sh -c "$shout"
        [ "$(heard)" = "$before" ] || break
    done
    [ "$(heard)" -gt "$before" ]
    far nft delete table ip heard
}

@test "network: security: L11: ports for one address are reached there only; nothing else listens to the outside" {
    run_umiak network create --subnet 10.93.3.0/24 n1
    run_umiak run -d --name a --network n1 -p 127.0.0.1:8091:80 -p 198.51.100.10:8092:80 $IMAGE nc -ll -p 80 -e echo hello
    is "$(ask 50 127.0.0.1 8091 netns_exec)" hello "control: loopback"
    is "$(ask 50 198.51.100.10 8092 far)" hello "control: the address"
    run ask 3 198.51.100.10 8091 far
    is "$output" "" "loopback's port from far"
    run ask 3 127.0.0.1 8092 netns_exec
    is "$output" "" "the address's port on loopback"
    far ip route add 127.0.0.2/32 via 198.51.100.10 2>/dev/null || true
    for p in 8091 53 20053; do
        run ask 1 198.51.100.10 $p far
        is "$output" "" "port $p from far"
    done
    # our resolver listens on the networks' gateways alone
    run netns_exec ss -Hltnu
    [[ $output != *0.0.0.0:20053* && $output != *\*:20053* && $output != *:53\ * ]]
    like "$output" "10.93.3.1:20053" "control: it does there"
}

@test "network: security: the resolver answers its own networks only, whatever way questions come" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    run_umiak network create --subnet 10.93.4.0/24 n1
    run_umiak network create --subnet 10.93.5.0/24 n2
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak run -d --name b --network n2 $IMAGE sleep 1000
    run_umiak exec a nslookup a.dns.podman 10.93.4.1
    like "$output" "Address: 10.93.4" "control"
    run umiak exec b timeout 5 nslookup a.dns.podman 10.93.4.1
    [[ $output != *"Address: 10.93.4.2"* ]]
    far ip route add 10.93.4.0/24 via 198.51.100.10
    cat >"$UMIAK_WORK/question" <<'P'
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
q = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\1a\3dns\6podman\0\0\1\0\1"
for port in 53, 20053:
    s.sendto(q, ("10.93.4.1", port))
    try: a = s.recv(512); print("refused" if a[3] & 15 == 5 and a[6:8] == b"\0\0" else "answer")
    except (TimeoutError, OSError): print("silence")
P
    run far python3 "$UMIAK_WORK/question"
    [[ $output != *answer* ]]
    far ip route del 10.93.4.0/24
}

@test "network: security: L7: half-open and broken TCP questions do not keep the resolver from answering" {
    command -v python3 >/dev/null || skip "python3 is not installed"
    run_umiak network create --subnet 10.93.6.0/24 n1
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    cat >"$UMIAK_WORK/flood" <<'P'
import socket, struct, sys
held = []
for i in range(200):
    s = socket.socket(); s.settimeout(0.3)
    try:
        s.connect(("10.93.6.1", 20053))
        if i % 3 == 0: s.send(b"\0")                      # half a length
        elif i % 3 == 1: s.send(b"\xff\xff" + b"x" * 10)  # more is promised
        else:
            s.send(b"\0\x05ab"); s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)); s.close(); continue   # RST
    except OSError: pass
    held.append(s)
print("held", flush=True)
sys.stdin.read()
P
    coproc FLOOD { netns_exec python3 "$UMIAK_WORK/flood"; }
    read -r -t 120 said <&"${FLOOD[0]}"
    is "$said" held "control: they are there"
    run_umiak exec a nslookup a.dns.podman
    like "$output" "Address: 10.93.6" "an answer all the same"
    pid=$(for p in $(pgrep -f '^umiak-resolver '); do case $(readlink "/proc/$p/cwd") in "$UMIAK_WORK"/*) echo "$p" ;; esac; done)
    used() { awk '{ print $14 + $15 }' "/proc/$pid/stat"; }
    before=$(used); sleep 2; after=$(used)
    [ $((after - before)) -lt 40 ]   # of 200 ticks: it does not spin
    eval "exec ${FLOOD[1]}>&-"
    wait "$FLOOD_PID" || true
    run_umiak exec a nslookup a.dns.podman
    like "$output" "Address: 10.93.6" "and afterwards"
}

@test "network: security: L6: isolated networks stay apart when containers lie about who they are" {
    run_umiak network create -o isolate=true --subnet 10.93.7.0/24 n1
    run_umiak network create -o isolate=true --subnet 10.93.8.0/24 n2
    run_umiak network create -o isolate=strict --subnet 10.93.9.0/24 n3
    run_umiak network create --subnet 10.93.10.0/24 open
    run_umiak run -d --name b --network n2 $IMAGE nc -ll -p 80 -e echo hello
    run_umiak run -d --name c --network n3 $IMAGE nc -ll -p 80 -e echo hello
    try() { # NETWORK ADDRESS [commands first]: what it says; one that refuses is asked again, silence is an answer
        umiak run --rm --network "$1" --cap-add NET_ADMIN --cap-add NET_RAW $IMAGE sh -c "${3:-true}
            for i in \$(seq 50); do said=\$(nc -w 2 $2 80 </dev/null 2>&1); case \$said in *refused*) sleep 0.1 ;; *) break ;; esac; done
            echo \$said"
    }
    passes() { # as try, in time or not
        local said
        for _ in 1 2 3 4 5; do said=$(try "$@"); [ "$said" != hello ] || return 0; done
        echo "control: from $1 to $2: $said"; return 1
    }
    passes n2 10.93.8.2
    passes n3 10.93.9.2
    like "$(try n1 10.93.8.2)" "^(nc: .*timed out|)$" "isolated from isolated"
    like "$(try n1 10.93.8.2 'ip addr add 10.93.8.77/32 dev lo; ip route replace default via 10.93.7.1 src 10.93.8.77')" "^(nc: .*timed out|)$" "with the other's address"
    mac=$(umiak inspect b --format '{{.NetworkSettings.Networks.n2.MacAddress}}')
    lie="ip link set eth0 down && ip link set eth0 address $mac && ip link set eth0 up && ip route add default via 10.93.7.1 || echo cannot"
    like "$(try n1 10.93.8.2 "$lie")" "^(nc: .*timed out|)$" "with the other's hardware address"
    gate=$(netns_exec ip -o link show "$(umiak network inspect n2 --format '{{.NetworkInterface}}')" | sed 's/.*link.ether \([0-9a-f:]*\).*/\1/')
    like "$(try n1 10.93.8.2 "ip route add 10.93.8.0/24 dev eth0 && arp -i eth0 -s 10.93.8.2 $mac || echo cannot")" "^(nc: .*|)$" "with a neighbour that is none"
    like "$(try n1 10.93.8.2 "ip route add 10.93.8.0/24 dev eth0 && arp -i eth0 -s 10.93.8.2 $gate || echo cannot")" "^(nc: .*|)$" "by the other bridge's hardware address"
    passes n2 10.93.8.2   # control: the server is still there, nobody took its place
    like "$(try open 10.93.9.2)" "^(nc: .*timed out|)$" "strict from an open one"
    passes open 10.93.8.2
}
