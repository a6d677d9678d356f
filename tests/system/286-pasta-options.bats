#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# --network pasta:OPTIONS: what Podman's manual shows does what it says.
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
teardown() { ! rootless || umiak_teardown; }

listens() { netns_exec ss -Hltn "sport = $1" | grep -q .; }
listen() { # PORT TEXT: on the host's loopback
    netns_exec socat "TCP-LISTEN:$1,bind=127.0.0.1,fork,reuseaddr" "SYSTEM:echo $2" </dev/null >/dev/null 2>&1 3>&- &
    for _ in $(seq 200); do listens "$1" && return; sleep 0.05; done
    return 1
}

@test "addresses, gateway, names, interface and MTU as the options say" {
    show='ip -o addr show scope global; ip route; cat /etc/resolv.conf; ip -o link'
    common=--ipv4-only,-a,10.0.2.0,-n,24,-g,10.0.2.2,--dns-forward,10.0.2.3,--no-ndp,--no-dhcpv6,--no-dhcp
    run_umiak run --rm --network pasta:-I,tap0,$common $IMAGE sh -c "$show"
    like "$output" "tap0 +inet 10\.0\.2\.0/24" "address"
    like "$output" "default via 10\.0\.2\.2 dev tap0" "gateway"
    like "$output" "nameserver 10\.0\.2\.3" "names"
    like "$output" "tap0: .*mtu 65520" "MTU by itself"
    [[ $output != *inet6* && $output != *"nameserver 169.254.1.1"* ]]
    run_umiak run --rm --network pasta:$common,-m,1500 $IMAGE sh -c "$show"
    like "$output" "eth0: .*mtu 1500" "MTU"
    run_umiak run --rm --network pasta:--mtu,1400 $IMAGE ip -o link
    like "$output" "eth0: .*mtu 1400" "its long name"
    run_umiak run --rm --network pasta:--ipv6-only $IMAGE ip -o addr
    [[ $output != *"inet 198."* ]]
    like "$output" "inet6 2001:db8:51::" "IPv6 alone"
}

@test "-t publishes, -T leads to the host's loopback, and only that" {
    listen 7601 "from the host"
    run_umiak run --rm --network pasta:-T,7601 $IMAGE sh -c 'for i in $(seq 50); do nc -w 2 127.0.0.1 7601 </dev/null && break; sleep 0.1; done'
    like "$output" "from the host" "-T"
    run umiak run --rm --network pasta $IMAGE nc -w 2 127.0.0.1 7601
    [[ $output != *"from the host"* ]]
    run_umiak run -d --name web --network pasta:-t,7602:80 $IMAGE nc -ll -p 80 -e echo hello
    for _ in $(seq 100); do
        run netns_exec timeout 2 bash -c 'exec 3<>/dev/tcp/127.0.0.1/7602 && head -1 <&3'
        [ "$output" != hello ] || break
        sleep 0.1
    done
    is "$output" hello "-t"
}

@test "what pasta does not know or cannot do is told in its words, and nothing is left" {
    for words in --no-such-option -a,nowhere -t,x; do
        run_umiak 126 run --rm --network "pasta:$words" $IMAGE true
        like "$output" "pasta failed with exit code 1" "$words"
    done
    run ls "$UMIAK_WORK/xdg/netns"
    is "$output" "" "files"
}
