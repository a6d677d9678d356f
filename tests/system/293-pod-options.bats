# SPDX-License-Identifier: Apache-2.0
# options of pod create and pod clone: each is on the infra container or in its members.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak pod rm -af -t0 >/dev/null; umiak_teardown; umiak volume rm -af >/dev/null; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

disk() { local d; for d in /dev/[svx]d[a-z] /dev/nvme*n[0-9] /dev/loop0; do [ ! -b "$d" ] || { echo "$d"; return; }; done; skip "no disk here"; }

# What `pod inspect` says of limits: blanks removed.
shows() { # POD TEXT...
    local p=$1 all; shift
    all=$(umiak pod inspect "$p" | tr -d ' \n')
    while [ $# -gt 0 ]; do [[ $all == *"$1"* ]] || { echo "$p: no $1 in $all"; return 1; }; shift; done
}

@test "limits" {
    d=$(disk)
    umiak pod create --name p --blkio-weight 100 --blkio-weight-device "$d:100" --cpu-shares 100 --cpuset-cpus 0 --cpuset-mems 0 \
        --device-read-bps "$d:100000000000" --device-write-bps "$d:100000000000" --memory 64m --memory-swap 128m >/dev/null
    shows p '"blkio_weight":100' "{\"Path\":\"$d\",\"Weight\":100}" '"cpu_shares":100' '"cpuset_cpus":"0"' '"cpuset_mems":"0"' \
        "\"device_read_bps\":[{\"Path\":\"$d\",\"Rate\":100000000000}]" "\"device_write_bps\":[{\"Path\":\"$d\",\"Rate\":100000000000}]" \
        '"memory_limit":67108864' '"memory_swap":134217728'
    umiak pod clone --name k --blkio-weight 200 --blkio-weight-device "$d:200" --cpu-shares 200 --cpuset-cpus 0 --cpuset-mems 0 \
        --device-read-bps "$d:200000000000" --device-write-bps "$d:200000000000" --memory 64m --memory-swap 128m p >/dev/null
    shows k '"blkio_weight":200' "{\"Path\":\"$d\",\"Weight\":200}" '"cpu_shares":200' "\"device_read_bps\":[{\"Path\":\"$d\",\"Rate\":200000000000}]" \
        "\"device_write_bps\":[{\"Path\":\"$d\",\"Rate\":200000000000}]"
    umiak pod clone --cpus 1.5 --destroy k >/dev/null
    shows k-clone '"cpu_quota":150000' '"cpu_period":100000'
    run_umiak 1 pod exists k
}

@test "the infra container: command, name, pid file, image, labels" {
    echo from=file >"$UMIAK_WORK/tmp/labels"; chmod a+r "$UMIAK_WORK/tmp/labels"
    umiak pod create --name p --infra-image "$IMAGE" --infra-command "sleep 1001" --infra-name in --infra-conmon-pidfile "$UMIAK_WORK/tmp/pid" \
        --label-file "$UMIAK_WORK/tmp/labels" --label more=1 --network none >/dev/null
    umiak pod start p >/dev/null
    is "$(umiak inspect --format '{{.ImageName}} {{.Path}} {{json .Args}} {{.State.ConmonPid}}' in)" "$IMAGE sleep [\"1001\"] $(cat "$UMIAK_WORK/tmp/pid")" "infra"
    is "$(umiak pod inspect --format '{{json .Labels}}' p)" '{"from":"file","more":"1"}' labels
    umiak pod clone --name k --infra-command "sleep 1002" --infra-name in2 --infra-conmon-pidfile "$UMIAK_WORK/tmp/pid2" --label-file "$UMIAK_WORK/tmp/labels" \
        --label more=2 --restart always --start p >/dev/null
    is "$(umiak inspect --format '{{json .Args}} {{.State.ConmonPid}}' in2)" "[\"1002\"] $(cat "$UMIAK_WORK/tmp/pid2")" "infra of the clone"
    is "$(umiak pod inspect --format '{{.RestartPolicy}} {{.Labels.more}}' k)" "always 2" "restart, labels"
    umiak pod create --name bare --share-parent=false --share net --network none >/dev/null
    is "$(umiak pod inspect --format '{{.CreateCgroup}}' bare) $(umiak pod inspect --format '{{.CreateCgroup}}' p)" "false true" "--share-parent"
    run_umiak 125 pod create --infra=false --infra-image x
    like "$output" "NoInfra and InfraImage are mutually exclusive" "no infra, no image"
}

@test "what members see: host name, hosts, shared memory, devices, volumes, sysctls, namespaces" {
    echo 127.0.0.9 of-the-file >"$UMIAK_WORK/tmp/hosts"; chmod a+r "$UMIAK_WORK/tmp/hosts"
    umiak volume create v >/dev/null; umiak create --name donor -v v:/donated "$IMAGE" true >/dev/null
    umiak pod create --name p --network none --hostname hereabouts --shm-size 2m --shm-size-systemd 1m --device /dev/null:/dev/mynull --volume v:/vol \
        --volumes-from donor --sysctl net.ipv4.ip_unprivileged_port_start=81 --security-opt no-new-privileges --hosts-file "$UMIAK_WORK/tmp/hosts" >/dev/null
    run_umiak run --rm --pod p "$IMAGE" sh -c 'uname -n; df -k /dev/shm | tail -n 1 | while read -r a b c; do echo $b; done; test -c /dev/mynull; grep -c -e " /vol " -e " /donated " /proc/mounts
        cat /proc/sys/net/ipv4/ip_unprivileged_port_start; grep NoNewPrivs /proc/self/status; grep -c of-the-file /etc/hosts'
    is "$output" "hereabouts
2048
2
81
NoNewPrivs:	1
1" "members"
    is "$(umiak run --rm --pod p --systemd always "$IMAGE" df -k /run/lock | tail -n 1 | awk '{ print $2 }')" 1024 "--shm-size-systemd"
    umiak pod clone --name k --hostname elsewhere --shm-size 3m --shm-size-systemd 2m --device /dev/null:/dev/other --volume v:/vol2 --volumes-from donor \
        --sysctl net.ipv4.ip_unprivileged_port_start=82 --security-opt no-new-privileges p >/dev/null
    run_umiak run --rm --pod k "$IMAGE" sh -c 'uname -n; df -k /dev/shm | tail -n 1 | while read -r a b c; do echo $b; done; test -c /dev/other; grep -c " /vol2 " /proc/mounts
        cat /proc/sys/net/ipv4/ip_unprivileged_port_start'
    is "$output" "elsewhere
3072
1
82" "members of the clone"
    is "$(umiak run --rm --pod k --systemd always "$IMAGE" df -k /run/lock | tail -n 1 | awk '{ print $2 }')" 2048 "clone --shm-size-systemd"
    umiak pod create --name h --network none --share +pid --pid host --uts host --no-hosts --no-hostname >/dev/null
    run_umiak run --rm --pod h "$IMAGE" sh -c 'uname -n; readlink /proc/self/ns/pid; grep -c " /etc/hosts " /proc/mounts || true'
    is "${lines[0]} ${lines[1]} ${lines[2]}" "$(uname -n) $(readlink /proc/self/ns/pid) 0" "the host's"
    umiak pod clone --name hk --pid private --uts private h >/dev/null
    run_umiak run --rm --pod hk "$IMAGE" sh -c 'readlink /proc/self/ns/uts'
    [ "$output" != "$(readlink /proc/self/ns/uts)" ]
    umiak pod create --name g --network none --gpus all >/dev/null
    run umiak run --rm --pod g "$IMAGE" true
    like "$output" "nvidia.com/gpu" "--gpus without a description of any"
    umiak pod clone --name gk --gpus all h >/dev/null
    run umiak run --rm --pod gk "$IMAGE" true
    like "$output" "nvidia.com/gpu" "clone --gpus"
}

@test "user namespaces: maps, names, modes" {
    skip_rootless "maps of a user are the next level's"
    grep -q "^$UMIAK_TEST_USER:" /etc/subuid || skip "no subordinate ids"
    first=$(awk -F: -v u="$UMIAK_TEST_USER" '$1 == u { print $2; exit }' /etc/subuid)
    map() { umiak run --rm --pod "$1" "$IMAGE" cat /proc/self/uid_map | tr -s ' '; }
    umiak pod create --name m --network none --uidmap 0:200000:1000 --gidmap 0:300000:1000 >/dev/null
    is "$(map m)" " 0 200000 1000" "--uidmap"
    umiak pod create --name n --network none --subuidname "$UMIAK_TEST_USER" --subgidname "$UMIAK_TEST_USER" >/dev/null
    like "$(map n)" "^ 0 $first " "--subuidname"
    umiak pod create --name a --network none --userns host >/dev/null
    umiak pod clone --name am --uidmap 0:210000:1000 --gidmap 0:310000:1000 a >/dev/null
    is "$(map am)" " 0 210000 1000" "clone --uidmap"
    umiak pod clone --name an --subuidname "$UMIAK_TEST_USER" --subgidname "$UMIAK_TEST_USER" a >/dev/null
    like "$(map an)" "^ 0 $first " "clone --subuidname"
    umiak pod clone --name aa --userns host a >/dev/null
    is "$(map aa)" "$(tr -s ' ' </proc/self/uid_map)" "clone --userns"
}

@test "networks: addresses, names, ports, name servers" {
    skip_rootless "bridges of root"
    umiak network create --subnet 10.97.5.0/24 --subnet fd97:5::/64 pnet >/dev/null
    umiak pod create --name p --network pnet --ip 10.97.5.9 --ip6 fd97:5::9 --mac-address 92:d0:c6:0a:29:33 --network-alias nick --publish 127.0.0.1::80 \
        --dns 192.0.2.1 --dns-option ndots:3 --dns-search example.org >/dev/null
    umiak pod start p >/dev/null
    id=$(umiak pod inspect --format '{{.InfraContainerID}}' p)
    is "$(umiak inspect --format '{{with .NetworkSettings.Networks.pnet}}{{.IPAddress}} {{.GlobalIPv6Address}} {{.MacAddress}}{{end}}' "$id")" \
        "10.97.5.9 fd97:5::9 92:d0:c6:0a:29:33" "addresses"
    like "$(umiak inspect --format '{{json .NetworkSettings.Networks.pnet.Aliases}}' "$id")" '"nick"' "alias"
    like "$(umiak port "$id")" "^80/tcp -> 127.0.0.1:[0-9]+$" "port"
    run_umiak run --rm --pod p "$IMAGE" cat /etc/resolv.conf
    like "$output" "example.org" "--dns-search"
    like "$output" "options ndots:3" "--dns-option"
    umiak pod rm -f -t0 p >/dev/null
    umiak network rm pnet >/dev/null
}

@test "--cgroup-parent, --namespace" {
    skip_rootless
    umiak pod create --name p --network none --cgroup-parent /umiak-test-parent >/dev/null
    like "$(umiak pod inspect --format '{{.CgroupPath}}' p)" "^/umiak-test-parent/" "create"
    umiak pod clone --name k --cgroup-parent /umiak-test-other p >/dev/null
    like "$(umiak pod inspect --format '{{.CgroupPath}}' k)" "^/umiak-test-other/" "clone"
    like "$(umiak pod ps --namespace)" "POD ID" "pod ps --namespace"
}
