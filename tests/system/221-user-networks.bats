#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Networks of users: one namespace for all of them, pasta as its way out.
load helpers

setup_file() {
    rootless || return 0
    export UMIAK_NET=1
    umiak_setup_file
}
teardown_file() { ! rootless || umiak_teardown_file; }
setup() {
    rootless || skip "for users"
    skip_without_pasta
}
teardown() {
    rootless || return 0
    umiak_teardown
    umiak network prune -f >/dev/null
}

helpers() { pgrep -fc -- "--netns=$UMIAK_WORK/xdg/netns/" || true; }

talk() { # HOST PORT [exec prefix]
    local host=$1 port=$2; shift 2
    for _ in $(seq 20); do
        "$@" bash -c "exec 3<>/dev/tcp/$host/$port && echo hello >&3 && timeout 2 head -1 <&3" 2>/dev/null && return
        sleep 0.1
    done
    return 1
}

@test "containers of a network reach each other and the world; the last one turns off the light" {
    run_umiak network create n1
    run_umiak run -d --name a --network n1 $IMAGE nc -ll -p 80 -e sh -c 'read x; echo from a'
    run_umiak run --rm --network n1 $IMAGE sh -c 'sleep 1 | nc -w 3 a 80 </dev/null; (echo; sleep 1) | nc -w 3 a 80'
    like "$output" "from a" "by name"
    peer_exec bash -c 'echo from far | nc -l -p 7000 -q1' 3>&- >/dev/null 2>&1 &
    sleep 0.3
    run_umiak run --rm --network n1 $IMAGE sh -c 'sleep 1 | nc -w 3 198.51.100.1 7000'
    like "$output" "from far" "the world"
    is "$(helpers)" 1 "one pasta for the user's networks"
    run_umiak rm -f -t0 a
    for _ in $(seq 50); do [ "$(helpers)" != 0 ] || break; sleep 0.1; done
    is "$(helpers)" 0 "pasta is gone"
    run ls "$UMIAK_WORK/xdg/netns"
    is "$output" "" "and its file"
}

@test "security: L1: a published port on a user's network keeps the client's address" {
    run_umiak network create --ipv6 n1
    run_umiak run -d --name web --network n1 -p 8080:80 $IMAGE nc -ll -p 80 -e sh -c 'read x; netstat -tn | grep ":80 " | grep ESTA'
    run talk 198.51.100.10 8080 peer_exec
    like "$output" "198.51.100.1:" "the far client's address"
    run talk 2001:db8:51::10 8080 peer_exec
    like "$output" "2001:db8:51::1:" "over IPv6"
    run talk 127.0.0.1 8080 netns_exec
    is "$status" 0 "loopback"
    run_umiak 126 run --rm --network n1 -p 8080:80 $IMAGE true
    like "$output" "listen tcp 0.0.0.0:8080: bind: address already in use" "taken"
    run_umiak port web
    is "$output" "80/tcp -> 0.0.0.0:8080" "port"
    run_umiak rm -f -t0 web
    run talk 127.0.0.1 8080 netns_exec
    [ "$status" != 0 ]
    is "$(helpers)" 0 "nothing is left"
}

@test "networks are apart; connect and disconnect change that, live" {
    run_umiak network create n1
    run_umiak network create n2
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak run -d --name b --network n2 $IMAGE sleep 1000
    run_umiak 1 exec b nslookup a
    run_umiak network connect n1 b
    run_umiak exec b nslookup a.dns.podman
    like "$output" "Address: 10\." "after connect"
    run_umiak exec a nslookup b.dns.podman
    like "$output" "Address: 10\." "both ways"
    run_umiak network disconnect n1 b
    run_umiak 1 exec a nslookup b.dns.podman
}

@test "without a network ports lead nowhere; with one they do again" {
    run_umiak network create n1
    run_umiak run -d --name web --network n1 -p 8080:80 $IMAGE nc -ll -p 80 -e sh -c 'read x; echo here'
    run talk 127.0.0.1 8080 netns_exec
    is "$output" here "control"
    run_umiak network disconnect n1 web
    for _ in $(seq 50); do   # pasta ends when it sees that its file is gone
        run netns_exec bash -c 'exec 3<>/dev/tcp/127.0.0.1/8080'
        [ "$status" = 0 ] || break
        sleep 0.1
    done
    [ "$status" != 0 ]
    run_umiak network connect n1 web
    run talk 127.0.0.1 8080 netns_exec
    is "$output" here "again"
}

@test "the way out comes back when pasta was killed" {
    run_umiak network create n1
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    pkill -9 -f -- "--netns=$UMIAK_WORK/xdg/netns/"
    sleep 0.2
    run_umiak run --rm --network n1 $IMAGE true
    is "$(helpers)" 1 "started again"
    peer_exec bash -c 'echo from far | nc -l -p 7000 -q1' 3>&- >/dev/null 2>&1 &
    sleep 0.3
    run_umiak exec a sh -c 'sleep 1 | nc -w 3 198.51.100.1 7000'
    like "$output" "from far" "also for those that ran on"
}

@test "kill -9 of everything: the next command starts afresh" {
    run_umiak network create n1
    run_umiak run -d --name a --network n1 -p 8080:80 $IMAGE sleep 1000
    run_umiak inspect --format '{{.State.Pid}} {{.State.ConmonPid}}' a
    kill -9 $output
    pkill -9 -f -- "--netns=$UMIAK_WORK/xdg/netns/"
    run_umiak ps -a
    run_umiak rm -f -t0 a
    is "$(helpers)" 0 "nothing is left"
    run_umiak run -d --name a --network n1 -p 8080:80 $IMAGE sleep 1000
    run_umiak exec a ip -4 addr show eth0
    like "$output" "inet 10\." "address"
}

@test "a start that was killed keeps the namespace no longer than its process lived" {
    local users note
    run_umiak network create n1
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    users=$(find "$UMIAK_WORK" -type d -path '*/networks-*/rootless')
    note=$users/$(printf '%064d' 1)
    echo "$$ $(awk '{print $22}' /proc/$$/stat)" >"$note"   # somebody alive
    chown --reference="$users" "$note"
    run_umiak rm -f -t0 a
    is "$(helpers)" 1 "a container is being started there"
    echo "4194305 1" >"$note"                               # no process has that number
    run_umiak run --rm --network n1 $IMAGE true
    is "$(helpers)" 0 "gone with the last"
}

@test "host.containers.internal leads to the host" {
    run_umiak network create n1
    netns_exec bash -c 'echo from the host | nc -l -p 7001 -q1' 3>&- >/dev/null 2>&1 &
    sleep 0.3
    run_umiak run --rm --network n1 $IMAGE sh -c 'sleep 1 | nc -w 3 host.containers.internal 7001; grep host.containers /etc/hosts'
    like "$output" "from the host" "a service of the host"
    like "$output" "169.254.1.2.host.containers.internal host.docker.internal" "both names"
}

@test "unshare --rootless-netns" {
    run_umiak network create n1
    run_umiak unshare --rootless-netns ip addr show eth0
    like "$output" "169.254.3.2" "the way out, made for it"
    is "$(helpers)" 0 "and gone"
    run_umiak run -d --name a --network n1 $IMAGE sleep 1000
    run_umiak 7 unshare --rootless-netns sh -c 'ip -br link; exit 7'
    like "$output" "podman[0-9]" "the bridge"
    mkdir -p "$UMIAK_WORK/bin"; ln -sf /bin/false "$UMIAK_WORK/bin/pasta"
    run_umiak rm -f -t0 a
    CONTAINERS_HELPER_BINARY_DIR="$UMIAK_WORK/bin" run_umiak 125 unshare --rootless-netns true
    like "$output" "pasta failed with exit code 1" "pasta that cannot"
}
