#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Containers of users: pasta.
load helpers

setup_file() {
    rootless || return 0
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { ! rootless || umiak_teardown_file; }
setup() {
    rootless || skip "pasta is for users"
    skip_without_pasta
}
teardown() {
    ! rootless || umiak_teardown
    rm -f "$UMIAK_WORK/home/.config/containers/containers.conf"
}

conf() {
    mkdir -p "$UMIAK_WORK/home/.config/containers"
    cat >"$UMIAK_WORK/home/.config/containers/containers.conf"
    chown -R "$UMIAK_TEST_USER": "$UMIAK_WORK/home/.config"
}

# How many pastas serve this test's user directories.
pastas() { pgrep -fc -- "--netns=$UMIAK_WORK/xdg/netns/" || true; }

talk() { # HOST PORT [exec prefix]: sends a line, prints what comes back
    local host=$1 port=$2; shift 2
    for _ in $(seq 20); do
        "$@" bash -c "exec 3<>/dev/tcp/$host/$port && echo hello >&3 && timeout 5 head -1 <&3" 2>/dev/null && return
        sleep 0.1
    done
    return 1
}

@test "the default is pasta: the host's address, a route, a name server" {
    run_umiak run --rm $IMAGE sh -c 'ip -4 addr show eth0; ip route; cat /etc/resolv.conf /etc/hosts'
    like "$output" "inet 198.51.100.10/24" "address"
    like "$output" "default via 198.51.100.1 dev eth0" "route"
    like "$output" "nameserver 169.254.1.1" "forwarder"
    like "$output" "198.51.100.10.[0-9a-f]{12} " "own line in /etc/hosts"
    [[ $output != *dns.podman* ]]
}

@test "options of --network and containers.conf reach pasta" {
    conf <<<$'[network]\npasta_options = ["-I", "myname", "--ns-mac-addr", "9a:dd:31:ea:92:98"]'
    run_umiak run --rm $IMAGE ip link show myname
    like "$output" "9a:dd:31:ea:92:98" "from containers.conf"
    run_umiak run --rm --network pasta:-m,1300,--ns-mac-addr,aa:bb:cc:dd:ee:ff $IMAGE ip link show myname
    like "$output" "mtu 1300.*aa:bb:cc:dd:ee:ff" "the command line's wins"
    run_umiak 126 run --rm --network pasta:--no-such-option $IMAGE true
    like "$output" "pasta failed with exit code 1:.*no-such-option" "pasta's own words"
}

@test "one port of both loopback addresses, and of both families' any address" {
    run_umiak run -d --name web -p 0.0.0.0:8081:80 -p '[::]:8081:80' $IMAGE nc -ll -p 80 -e sh -c "read x; echo hello"
    is "$(talk 198.51.100.10 8081 peer_exec)" hello "any IPv4 address"
    is "$(talk 2001:db8:51::10 8081 peer_exec)" hello "any IPv6 address"
    run umiak run -d --name both -p 127.0.0.1:8080:80 -p '[::1]:8080:80' $IMAGE nc -ll -p 80 -e sh -c "read x; echo hello"
    if [ "$status" != 0 ]; then   # pastas of before 2024
        is "$status" 126 "exit code"
        like "$output" "^Error: port 8080 is published on 127.0.0.1 and on ::1, pasta takes a port once: .*-p 8080:80" "the line"
        return
    fi
    is "$(talk 127.0.0.1 8080 netns_exec)" hello "IPv4 loopback"
    is "$(talk ::1 8080 netns_exec)" hello "IPv6 loopback"
    run talk 198.51.100.10 8080 peer_exec
    [ "$status" != 0 ]
}

@test "security: L1: a published port is reached from far, near and loopback, and clients keep their address" {
    run_umiak run -d --name web -p 8080:80 $IMAGE nc -ll -p 80 -e sh -c 'read x; netstat -tn | grep ":80 " | grep ESTA'
    run talk 198.51.100.10 8080 peer_exec
    like "$output" "198.51.100.1:" "the far client's address"
    run talk 127.0.0.1 8080 netns_exec
    is "$status" 0 "loopback"
    run_umiak port web
    is "$output" "80/tcp -> 0.0.0.0:8080" "port"
    run_umiak 126 run --rm -p 8080:80 $IMAGE true
    like "$output" "listen tcp 0.0.0.0:8080: bind: address already in use" "taken"
    for _ in 1 2 3; do run_umiak restart -t0 web; done
    run talk 127.0.0.1 8080 netns_exec
    is "$status" 0 "after restarts, which free the port and take it again"
    run_umiak rm -f -t0 web
    run talk 127.0.0.1 8080 netns_exec
    [ "$status" != 0 ]
}

@test "ports: ranges and addresses; what cannot be is told" {
    run_umiak run -d --name r -p 127.0.0.1:9000-9001:80-81 -p 9100:53/udp $IMAGE \
        sh -c 'nc -ll -p 80 -e sh -c "read x; echo 80" & nc -ll -p 81 -e sh -c "read x; echo 81" & sleep 1000'
    run talk 127.0.0.1 9000 netns_exec
    is "$output" 80 "first of the range"
    run talk 127.0.0.1 9001 netns_exec
    is "$output" 81 "second"
    run talk 198.51.100.10 9000 peer_exec
    [ "$status" != 0 ]
    run_umiak 126 run --rm -p 9200:80/sctp $IMAGE true
    like "$output" "can't forward protocol: sctp" "sctp"
    run_umiak 126 run --rm -p 80:80 $IMAGE true
    like "$output" "cannot publish port 80: .*ip_unprivileged_port_start=80" "privileged"
}

@test "pasta ends with its container, however that ends" {
    run_umiak run -d --name a $IMAGE sleep 1000
    run_umiak run --rm $IMAGE true
    is "$(pastas)" 1 "one for each that runs"
    run_umiak stop -t0 a
    for _ in $(seq 50); do [ "$(pastas)" != 0 ] || break; sleep 0.1; done
    is "$(pastas)" 0 "gone with the container"
    run_umiak start a
    is "$(pastas)" 1 "and back"
    run_umiak inspect --format '{{.State.Pid}} {{.State.ConmonPid}}' a
    kill -9 $output
    run_umiak ps -a
    run_umiak rm -f -t0 a
    for _ in $(seq 50); do [ "$(pastas)" != 0 ] || break; sleep 0.1; done
    is "$(pastas)" 0 "gone after kill -9 of everything"
    run ls "$UMIAK_WORK/xdg/netns"
    is "$output" "" "no file is left"
}

@test "security: L9: no way to the host's loopback unless asked for" {
    netns_exec bash -c 'while :; do echo secret | nc -l -s 127.0.0.1 -p 7777 -q0; done' 3>&- >/dev/null 2>&1 &
    local server=$!
    sleep 0.3
    run umiak run --rm $IMAGE sh -c 'nc -w 2 198.51.100.1 7777 </dev/null; nc -w 1 127.0.0.1 7777 </dev/null; true'
    [[ $output != *secret* ]]
    run umiak run --rm --network pasta:--map-gw $IMAGE sh -c 'sleep 2 | nc -w 3 198.51.100.1 7777; true'
    local got=$output
    end_tree $server
    like "$got" "secret" "control: --map-gw leads there"
}

@test "slirp4netns is pasta with a warning" {
    run_umiak run --rm --network slirp4netns:mtu=1280,cidr=10.1.2.0/24 $IMAGE ip link show eth0
    like "$output" "pasta is used in its place" "warning"
    like "$output" "cidr=10.1.2.0/24.* has no counterpart" "options that mean nothing"
    like "$output" "mtu 1280" "options that do"
}

@test "without /dev/net/tun containers run, with a warning; asked for, it is an error" {
    [ "$(id -u)" = 0 ] || skip "needs root to take the device away"
    netns_exec chmod 600 /dev/net/tun
    run umiak run --rm $IMAGE sh -c 'ip link | grep -c mtu'
    local plain=$output code=$status
    run umiak run --rm --network pasta $IMAGE true
    local asked=$output asked_code=$status
    netns_exec chmod 666 /dev/net/tun
    is "$code" 0 "runs"
    like "$plain" "has no network: pasta needs /dev/net/tun, which this user may not open: .chmod 0666" "warning with remedy"
    like "$plain" "1$" "nothing but lo"
    is "$asked_code" 125 "asked for"
    like "$asked" "^Error: pasta needs /dev/net/tun" "error"
}

@test "network host and none" {
    run_umiak run --rm --network host $IMAGE sh -c 'ip -4 addr show eth0; grep host.containers /etc/hosts'
    like "$output" "198.51.100.10" "the host's interfaces"
    like "$output" "127.0.0.1.host.containers.internal host.docker.internal" "the host is here"
    run_umiak run --rm --network none $IMAGE sh -c 'ip link | grep -c mtu'
    is "$output" 1 "nothing but lo"
}

@test "a socket that was handed to us is handed on" {
    cat >"$UMIAK_WORK/activate" <<'X'
import os, socket, sys
s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); s.bind(("127.0.0.1", 7070)); s.listen()
os.dup2(s.fileno(), 3); os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_FDNAMES="web", LISTEN_PID=str(os.getpid()))
os.execvp(sys.argv[1], sys.argv[1:])
X
    run netns_exec setpriv --reuid="$UMIAK_TEST_USER" --regid="$UMIAK_TEST_USER" --init-groups \
        env HOME="$UMIAK_WORK/home" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" python3 "$UMIAK_WORK/activate" "$UMIAK_BUILD/umiak" \
        run --rm --network none $IMAGE sh -c 'echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; readlink /proc/self/fd/3'
    is "${lines[0]}" "1 1 web" "environment"
    like "${lines[1]}" "^socket:" "descriptor"
}

@test "the steps of a build have that network, too: address, name server, a line in the hosts file" {
    mkdir "$UMIAK_WORK/tmp/ctx"
    printf 'FROM %s\nRUN grep eth0 /proc/net/dev >/net && ip -4 addr show eth0; cat /etc/resolv.conf; echo "hosts:"; cat /etc/hosts\n' "$IMAGE" >"$UMIAK_WORK/tmp/ctx/Containerfile"
    chmod -R a+rX "$UMIAK_WORK/tmp/ctx"
    run_umiak build --no-cache -t localhost/with-net "$UMIAK_WORK/tmp/ctx"
    like "$output" "inet 198.51.100.10/24" "address"
    like "$output" "nameserver 169.254.1.1" "forwarder"
    like "${output#*$'\nhosts:'}" "198.51.100.10" "own line in /etc/hosts"
    like "$(umiak run --rm --network none localhost/with-net cat /net)" eth0 "what the step saw"
    umiak rmi localhost/with-net
}
