# SPDX-License-Identifier: Apache-2.0
# Networks of root: bridges, addresses, ports, isolation; every packet is real. Everything happens in a network namespace
# of this file (helpers.bash).
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { skip_rootless "bridges of root"; }
teardown() {
    rootless && return
    umiak_teardown
    umiak network prune -f >/dev/null
}

# What a network leaves outside of files: interfaces but lo and bridges, port elements, leases, intents.
left() {
    netns_exec ip -o link | grep -c veth
    for m in port4 port6 addr4 addr6; do netns_exec nft list map inet umiak $m; done 2>/dev/null | grep -c ' : [0-9a-f.:]* \. [0-9]'
    find "$UMIAK_WORK"/run/networks-*/leases -name '[0-9a-f]*[.:]*' 2>/dev/null | wc -l
    ls "$UMIAK_WORK"/run/networks-*/pending | wc -l
}

wait_for() { # COMMAND...: until it succeeds, at most five seconds
    for _ in $(seq 100); do "$@" && return; sleep 0.05; done
    echo "never succeeded: $*"; return 1
}
nothing_left() { [ "$(left | tr '\n' ' ')" = "0 0 0 0 " ]; }

# The test image has no servers: tools of the host in a container's network namespace.
inside() { local pid; pid=$(umiak inspect "$1" --format '{{.State.Pid}}'); shift; nsenter --net="/proc/$pid/ns/net" -- "$@"; }
serve() { # CONTAINER PORT: answers every connection with the client's address
    inside "$1" socat "TCP-LISTEN:$2,fork,reuseaddr" SYSTEM:'echo from $SOCAT_PEERADDR' </dev/null >/dev/null 2>&1 3>&- &
    wait_for inside "$1" bash -c "exec 4<>/dev/tcp/127.0.0.1/$2" 2>/dev/null
}
ask() { timeout "${3:-20}" bash -c "exec 4<>/dev/tcp/$1/$2 && cat <&4"; }   # HOST PORT [SECONDS], in the current namespace
ask_from_host() { netns_exec timeout "${3:-20}" bash -c "exec 4<>/dev/tcp/$1/$2 && cat <&4"; }
export -f ask

udp_answers() { # HOST PORT: an echo server is there
    [ "$(netns_exec timeout 1 bash -c "exec 3<>/dev/udp/$1/$2; echo ping >&3; read -r -t 0.5 x <&3; echo \$x")" = p ]   # bash reads one byte of a datagram
}
tcp_open() { netns_exec bash -c "exec 3<>/dev/tcp/$1/$2" 2>/dev/null; }

address() { umiak inspect "$1" --format "{{(index .NetworkSettings.Networks \"$2\").IPAddress}}"; }

@test "network: the default one is a bridge with a way out, its address is in hosts and inspect" {
    run_umiak run -d --name one $IMAGE sleep 100
    run_umiak exec one ip -o -4 addr show eth0
    like "$output" "inet 10\.88\.[0-9.]+/16 brd 10\.88\.255\.255" "address"
    ip=$(address one podman)
    run_umiak exec one ip route
    like "$output" "default via 10\.88\.0\.1 dev eth0 .*metric 100" "default route"
    run_umiak exec one cat /etc/hosts
    like "$output" "$ip[[:blank:]]$(umiak inspect one --format '{{.Config.Hostname}}') one" "own line"
    like "$output" "10\.88\.0\.1[[:blank:]]host\.containers\.internal host\.docker\.internal" "the host"
    run netns_exec ping -c1 -W2 "$ip"
    is "$status" 0 "the host reaches it"
    run_umiak exec --privileged one ping -c1 -W2 10.88.0.1
    run_umiak ps --format '{{.Networks}}'
    is "$output" podman "ps"
}

@test "network: two containers of one reach each other; of two isolated ones not; of two open ones yes" {
    for n in front back; do run_umiak network create -o isolate=true $n; done
    run_umiak network create open1
    run_umiak network create open2
    for n in front back open1 open2; do run_umiak run -d --name in-$n --network $n $IMAGE sleep 100; done
    run_umiak run --rm --network front --cap-add NET_RAW $IMAGE ping -c1 -W2 "$(address in-front front)"
    run_umiak run --rm --network open1 --cap-add NET_RAW $IMAGE ping -c1 -W2 "$(address in-open2 open2)"
    run_umiak 1 run --rm --network front --cap-add NET_RAW $IMAGE ping -c1 -W1 "$(address in-back back)"
    # isolated ones are closed to each other only
    run_umiak run --rm --network open1 --cap-add NET_RAW $IMAGE ping -c1 -W2 "$(address in-back back)"
    run_umiak network create -o isolate=strict vault
    run_umiak run -d --name in-vault --network vault $IMAGE sleep 100
    run_umiak 1 run --rm --network open1 --cap-add NET_RAW $IMAGE ping -c1 -W1 "$(address in-vault vault)"
    run_umiak 1 run --rm --network vault --cap-add NET_RAW $IMAGE ping -c1 -W1 "$(address in-open1 open1)"
}

@test "network --internal: no default route, no way to others" {
    run_umiak network create --internal inner
    run_umiak network create outer
    run_umiak run -d --name out --network outer $IMAGE sleep 100
    run_umiak run --rm --network inner $IMAGE ip route
    [[ $output != *default* ]]
    run_umiak 1 run --rm --network inner --cap-add NET_ADMIN,NET_RAW $IMAGE \
        sh -c "ip route add default via \$(ip -4 -o addr show eth0 | sed 's/.*inet \([0-9.]*\)\.[0-9]*\/.*/\1.1/'); ping -c1 -W1 $(address out outer)"
}

@test "network: security: L2: IPv6 only where it was asked for, router advertisements are not believed" {
    run_umiak network create --ipv6 six
    run_umiak run --rm $IMAGE sh -c 'cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip -o -6 addr show eth0'
    is "$(echo $output)" "0 1" "IPv4 only"
    run_umiak run --rm --network six $IMAGE sh -c 'cat /proc/sys/net/ipv6/conf/eth0/accept_ra /proc/sys/net/ipv6/conf/eth0/disable_ipv6; ip -o -6 addr show eth0'
    like "$output" "^0.0.*inet6 fd" "dual stack"
}

@test "publish: security: L1: from the host, from its other addresses, from localhost; the client's address arrives" {
    run_umiak run -d --name web -p 8080:80 -p 127.0.0.1:8081:80 $IMAGE sleep 100
    serve web 80
    run ask_from_host 127.0.0.1 8080
    is "$output" "from 10.88.0.1" "localhost"
    run ask_from_host 10.88.0.1 8080
    is "$output" "from 10.88.0.1" "an address of the host"
    run ask_from_host 127.0.0.1 8081
    is "$output" "from 10.88.0.1" "bound to localhost"
    run ask_from_host 10.88.0.1 8081 1
    [ "$status" != 0 ]
    # a client of another machine: a namespace behind a wire
    peer=$UMIAK_WORK/peer; touch "$peer"
    unshare --net="$peer" sleep 0
    netns_exec ip link add wire type veth peer name wire0
    netns_exec ip link set wire0 netns "$peer"
    netns_exec ip addr add 192.0.2.1/24 dev wire; netns_exec ip link set wire up
    nsenter --net="$peer" ip addr add 192.0.2.2/24 dev wire0; nsenter --net="$peer" ip link set wire0 up
    run nsenter --net="$peer" bash -c 'ask 192.0.2.1 8080'
    is "$output" "from 192.0.2.2" "source address"
    # what is published on localhost is not for neighbours
    nsenter --net="$peer" ip route add 127.0.0.1/32 via 192.0.2.1 table 7
    nsenter --net="$peer" ip rule add to 127.0.0.1 table 7 pref 0 2>/dev/null || true
    run nsenter --net="$peer" bash -c 'ask 192.0.2.1 8081 1'
    [ "$status" != 0 ]
    netns_exec ip link del wire
    umount "$peer"
}

@test "publish: hairpin, udp, ranges, a random port; port and ps show them" {
    run_umiak run -d --name web -p 8090:80 -p 9100-9102:90-92 -p 53535:5353/udp -p 81 $IMAGE sleep 100
    run_umiak run -d --name neighbour $IMAGE sleep 100
    serve web 80
    run inside web bash -c 'ask 10.88.0.1 8090'
    is "$output" "from 10.88.0.1" "through the host to itself"
    run inside neighbour bash -c 'ask 10.88.0.1 8090'
    is "$output" "from 10.88.0.1" "from a neighbour"
    run_umiak port web
    like "$output" "80/tcp -> 0\.0\.0\.0:8090" "port"
    like "$output" "92/tcp -> 0\.0\.0\.0:9102" "range"
    like "$output" "5353/udp -> 0\.0\.0\.0:53535" "udp"
    like "$output" "81/tcp -> 0\.0\.0\.0:[1-9][0-9]*" "chosen"
    run_umiak ps --format '{{.Ports}}'
    like "$output" "0\.0\.0\.0:8090->80/tcp, 0\.0\.0\.0:9100-9102->90-92/tcp, 0\.0\.0\.0:53535->5353/udp" "ps"
    inside web socat UDP-LISTEN:5353,fork EXEC:cat </dev/null >/dev/null 2>&1 3>&- &
    wait_for udp_answers 127.0.0.1 53535
}

@test "publish: a port that is taken, by a container or by a program" {
    run_umiak run -d --name web -p 8080:80 $IMAGE sleep 100
    run_umiak 126 run --rm -p 8080:81 $IMAGE true
    like "$output" "8080: bind: address already in use" "by a container"
    run_umiak 126 run --rm -p 0.0.0.0:8080:81 $IMAGE true
    run_umiak 126 run --rm -p '[::]:8080:81' $IMAGE true
    run netns_exec timeout 2 socat TCP-LISTEN:8080,bind=127.0.0.1 -
    [ "$status" != 0 ] && [ "$status" != 124 ]
    netns_exec socat TCP-LISTEN:8085,bind=127.0.0.1,fork EXEC:cat 3>&- & pid=$!
    wait_for tcp_open 127.0.0.1 8085
    run_umiak 126 run --rm -p 8085:81 $IMAGE true
    end_tree $pid
    run_umiak rm -ft0 web
    run_umiak run --rm -p 8080:81 $IMAGE true
    wait_for nothing_left
}

@test "network create: subnets, gateways, ranges, dual stack, what cannot be" {
    run_umiak network create --subnet 10.99.0.0/24 --gateway 10.99.0.254 --ip-range 10.99.0.128/25 custom
    run_umiak run --rm --network custom $IMAGE ip -o -4 addr show eth0
    like "$output" "inet 10\.99\.0\.129/24" "first of the range"
    run_umiak network create --ipv6 two
    run_umiak run --rm --network two $IMAGE ip -o -6 addr show eth0 scope global
    like "$output" "inet6 fd[0-9a-f:]+/64" "IPv6"
    run_umiak network inspect two --format '{{len .Subnets}} {{.IPv6Enabled}} {{.NetworkInterface}}'
    like "$output" "^2 true podman[0-9]+$" "dual stack"
    run_umiak 125 network create two
    is "$output" "Error: netavark: network already exists two" "taken"
    run_umiak network create --ignore two
    run_umiak 125 network create --subnet 10.99.0.0/16 clash
    like "$output" "subnet 10\.99\.0\.0/16 is already used" "overlap"
    run_umiak 125 network create --subnet 10.98.0.0/24 --gateway 10.97.0.1 wrong
    like "$output" "gateway 10\.97\.0\.1 not in subnet 10\.98\.0\.0/24" "gateway elsewhere"
    run_umiak 125 network create -o colour=blue wrong
    like "$output" "unsupported bridge network option colour" "option"
    run_umiak 125 network create -d magic wrong
    like "$output" "unsupported driver magic" "driver"
    run_umiak 125 network create 'a b'
    run_umiak 125 network create host
    run_umiak network exists two
    run_umiak 1 network exists wrong
    run_umiak 1 network rm wrong
    run_umiak 125 network rm podman
    like "$output" "default network podman cannot be removed" "default"
    run_umiak network rm two custom
}

@test "network: definitions are Podman's files, in both directions" {
    mkdir -p "$UMIAK_WORK/networks"
    cat >"$UMIAK_WORK/networks/theirs.json" <<'J'
{
     "name": "theirs",
     "id": "c3f2a5c1b7d94e60a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718",
     "driver": "bridge",
     "network_interface": "podman77",
     "created": "2024-05-06T07:08:09.123456789+02:00",
     "subnets": [ { "subnet": "10.77.0.0/24", "gateway": "10.77.0.1" } ],
     "ipv6_enabled": false, "internal": false, "dns_enabled": false,
     "ipam_options": { "driver": "host-local" }
}
J
    run_umiak network ls --format '{{.Name}} {{.ID}}'
    like "$output" "theirs c3f2a5c1b7d9" "listed"
    run_umiak run --rm --network c3f2a5c1b7d9 $IMAGE ip -o -4 addr show eth0
    like "$output" "inet 10\.77\.0\.2/24" "by id prefix"
    if command -v podman >/dev/null; then
        run_umiak network create --subnet 10.76.0.0/24 --label a=b ours
        mkdir -p "$BATS_TEST_TMPDIR/p"
        run podman --root "$BATS_TEST_TMPDIR/p" --runroot "$BATS_TEST_TMPDIR/r" --network-config-dir "$UMIAK_WORK/networks" \
            network inspect ours --format '{{(index .Subnets 0).Subnet}} {{index .Labels "a"}}'
        like "$output" "10\.76\.0\.0/24 b" "podman reads ours"
    fi
    echo '{ broken' >"$UMIAK_WORK/networks/broken.json"
    run_umiak network ls -q
    like "$output" "Error reading network config file" "warned"
    run_umiak 125 run --rm --network broken $IMAGE true
    rm -f "$UMIAK_WORK/networks/broken.json"
}

@test "network: static addresses, MAC, interface names, several at once, aliases" {
    run_umiak network create --subnet 10.60.0.0/24 a
    run_umiak network create --subnet 10.61.0.0/24 b
    run_umiak run -d --name x --network a:ip=10.60.0.50,mac=02:00:00:00:00:50,interface_name=first --network b:alias=y,mtu=1400 \
        $IMAGE sleep 100
    run_umiak exec x ip -o link
    like "$output" "2: first@.*02:00:00:00:00:50" "name and MAC"
    like "$output" "3: eth0@.*mtu 1400" "MTU"
    is "$(address x a)" 10.60.0.50 "static address"
    run_umiak network inspect a --format '{{range $k, $v := .Containers}}{{$v.Name}} {{json $v}}{{end}}'
    like "$output" '^x \{"name":"x","interfaces":\{"first":\{"subnets":\[\{"ipnet":"10\.60\.0\.50/24","gateway":"10\.60\.0\.1"\}\],"mac_address":"02:' \
        "inspect of the network"
    run_umiak inspect x --format '{{(index .NetworkSettings.Networks "b").Aliases}}'
    like "$output" "^\[y [0-9a-f]{12}\]$" "aliases"
    run_umiak 125 run --rm --network a:ip=10.60.0.50 $IMAGE true
    like "$output" "requested ip address 10\.60\.0\.50 is already allocated to container ID" "taken"
    run_umiak 125 run --rm --network a --ip 10.61.0.9 $IMAGE true
    like "$output" "requested static ip 10\.61\.0\.9 not in any subnet on network a" "elsewhere"
    run_umiak 125 run --rm --network a --network b --ip 10.60.0.9 $IMAGE true
    run_umiak 125 run --rm --network a:colour=blue $IMAGE true
    run_umiak 125 run --rm --network host --ip 10.60.0.9 $IMAGE true
    run_umiak 125 run --rm --network missing $IMAGE true
    like "$output" "unable to find network with name or ID missing: network not found" "missing"
    run_umiak run --rm --network a --ip 10.60.0.77 --mac-address 02:00:00:00:00:77 $IMAGE ip addr show eth0
    like "$output" "02:00:00:00:00:77.*10\.60\.0\.77/24" "flags"
}

@test "network: static routes, metric, no default route, vlan" {
    run_umiak network create --subnet 10.62.0.0/24 --route 10.200.0.0/16,10.62.0.9,77 --route 10.201.0.0/16,blackhole -o metric=55 r
    run_umiak run --rm --network r $IMAGE ip route
    like "$output" "default via 10\.62\.0\.1 dev eth0 .*metric 55" "metric"
    like "$output" "10\.200\.0\.0/16 via 10\.62\.0\.9 dev eth0 .*metric 77" "route"
    like "$output" "blackhole 10\.201\.0\.0/16" "blackhole"
    run_umiak network create -o no_default_route=true n
    run_umiak run --rm --network n $IMAGE ip route
    [[ $output != *default* ]]
}

@test "network connect, disconnect: a running container's interfaces, hosts and ports follow" {
    run_umiak network create a
    run_umiak network create b
    run_umiak run -d --name x --network a -p 8080:80 $IMAGE sleep 100
    serve x 80
    old=$(address x a)
    run_umiak network connect --ip "$(umiak network inspect b --format '{{(index .Subnets 0).Gateway}}' | sed 's/1$/77/')" b x
    run_umiak exec x ip -o -4 addr show eth1
    like "$output" "\.77/24" "second interface"
    run_umiak exec x cat /etc/hosts
    like "$output" "\.77[[:blank:]]" "hosts grew"
    run_umiak 125 network connect b x
    run_umiak network disconnect a x
    run_umiak exec x cat /etc/hosts
    [[ $output != *"$old"* ]]
    run ask_from_host 127.0.0.1 8080
    like "$output" "^from 10\.89" "the port leads to what is left"
    run_umiak 125 network disconnect a x
    run_umiak network connect a x
    [ "$(address x a)" != "$old" ]
    run_umiak restart -t0 x
    run_umiak exec x ls /sys/class/net
    is "$(echo $output)" "eth0 eth1 lo" "both after a restart"
    run_umiak 2 network rm a
    run_umiak network rm -f a b
    run_umiak ps -aq
    is "$output" "" "the container went with them"
}

@test "network reload: security: L4: rules come back after a flush, other tools' tables are never touched" {
    netns_exec nft -f - <<'N'
table ip other {
  chain c { type filter hook forward priority 0; policy accept; counter comment "mine"; }
}
N
    before=$(netns_exec nft -s list table ip other)
    run_umiak run -d --name web -p 8080:80 $IMAGE sleep 100
    serve web 80
    netns_exec nft flush table inet umiak; netns_exec nft delete table inet umiak
    run ask_from_host 127.0.0.1 8080 1
    [ "$status" != 0 ]
    run_umiak network reload web
    run ask_from_host 127.0.0.1 8080
    is "$output" "from 10.88.0.1" "again"
    # and a start notices by itself that the table is gone
    netns_exec nft delete table inet umiak
    run_umiak run -d --name web2 -p 8082:80 $IMAGE sleep 100
    serve web2 80
    run ask_from_host 127.0.0.1 8082
    is "$output" "from 10.88.0.1" "a new container"
    run_umiak network reload --all
    run ask_from_host 127.0.0.1 8080
    is "$output" "from 10.88.0.1" "all"
    is "$(netns_exec nft -s list table ip other)" "$before" "the other table"
    netns_exec nft delete table ip other
}

@test "network: sixty-four starts at once never share an address; everything is given back" {
    run_umiak network create --subnet 10.63.0.0/24 many
    for i in $(seq 64); do
        umiak run -d --name m$i --network many $IMAGE sleep 100 >/dev/null 2>"$BATS_TEST_TMPDIR/e$i" 3>&- &
    done
    wait
    cat "$BATS_TEST_TMPDIR"/e*
    run_umiak network inspect many --format '{{range .Containers}}{{range .interfaces}}{{range .subnets}}{{.ipnet}} {{end}}{{end}}{{end}}'
    is "$(echo $output | tr ' ' '\n' | sort -u | wc -l)" 64 "different addresses"
    run_umiak rm -aft0
    wait_for nothing_left
}

@test "network: restart policies and full subnets: a /29 serves for ever" {
    run_umiak network create --subnet 10.64.0.0/29 small
    for _ in 1 2 3 4 5 6 7 8; do run_umiak run --rm --network small $IMAGE true; done
    for i in 1 2 3 4 5; do run_umiak run -d --name s$i --network small $IMAGE sleep 100; done
    run_umiak 125 run --rm --network small $IMAGE true
    like "$output" "failed to find free IP in range: 10\.64\.0\.2 - 10\.64\.0\.6" "full"
    # a lease of a container that was killed with everything around it is free again
    pid=$(umiak inspect s1 --format '{{.State.ConmonPid}}'); init=$(umiak inspect s1 --format '{{.State.Pid}}')
    kill -9 "$pid" "$init"
    wait_for sh -c "! kill -0 $init 2>/dev/null"
    run_umiak ps -q
    run_umiak run --rm --network small $IMAGE true
}

@test "network: a failing start leaves nothing" {
    run_umiak 127 run --rm -p 8080:80 --network podman $IMAGE /no/such/command
    run_umiak network create --subnet 10.65.0.0/24 f
    run_umiak 127 run --network f -p 8081:80 --name kept $IMAGE /no/such/command
    netns_exec ip link add taken type dummy 2>/dev/null || netns_exec ip link add taken type bridge
    run_umiak network create --interface-name taken2 g
    netns_exec ip link add taken2 type veth peer name taken3
    run_umiak 125 run --rm --network f --network g -p 8082:80 $IMAGE true
    like "$output" "interface taken2 exists and is no bridge" "one line"
    netns_exec ip link del taken2; netns_exec ip link del taken
    wait_for nothing_left
}

@test "network: kill -9 of the command at any moment of a run with two networks and three ports leaves nothing" {
    run_umiak network create --subnet 10.66.0.0/24 k1
    run_umiak network create --subnet 10.67.0.0/24 k2
    run_umiak run --rm --network k1 --network k2 $IMAGE true
    for ms in 0.5 1 2 3 4 5 6 7 8 9 10 12 14 17 20 25 30 40; do
        umiak run --rm --network k1 --network k2 -p 8001:1 -p 8002:2 -p 8003:3/udp $IMAGE sleep 100 >/dev/null 2>&1 3>&- & pid=$!
        sleep "$(awk "BEGIN { print $ms / 1000 }")"
        # the shell function runs nsenter, which becomes umiak
        kill -9 "$pid" 2>/dev/null || true; pkill -9 -P "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    sleep 0.5
    umiak rm -aft0 >/dev/null
    run_umiak run --rm --network k1 $IMAGE true
    wait_for nothing_left
}

@test "network: container:, none and host share or do without" {
    run_umiak run -d --name one -p 8080:80 $IMAGE sleep 100
    run_umiak run --rm --network container:one $IMAGE ip -o -4 addr show eth0
    like "$output" "$(address one podman)/16" "the owner's address"
    run_umiak run --rm --network none $IMAGE ls /sys/class/net
    is "$output" lo "none"
    run_umiak run --rm --network host $IMAGE ip -o link show podman0
    run_umiak run --rm --network host -p 80:80 $IMAGE true
    like "$output" "Port mappings have been discarded" "told"
}

@test "network: security: a container cannot reach the host's loopback through the bridge, names with line breaks are refused" {
    netns_exec socat TCP-LISTEN:8099,bind=127.0.0.1,fork SYSTEM:'echo inside' 3>&- & pid=$!
    wait_for tcp_open 127.0.0.1 8099
    run umiak run --rm --cap-add NET_ADMIN $IMAGE sh -c 'ip addr del 127.0.0.1/8 dev lo; ip route del table local local 127.0.0.0/8 dev lo; ip route add 127.0.0.1 via 10.88.0.1; nc -w 1 127.0.0.1 8099 </dev/null'
    [[ $output != *inside* ]]
    end_tree $pid
    run_umiak 125 run --rm --add-host $'a:1.2.3.4\nevil' $IMAGE true
    run_umiak 125 network create $'a\nb'
}
