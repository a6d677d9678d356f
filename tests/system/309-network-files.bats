#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every kind of network against the options about /etc/hosts and /etc/resolv.conf.
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

# Those of its own, and what they are called; "container:" has the files of the other one.
modes() {
    run_umiak network create --subnet 10.96.1.0/24 n1
    run_umiak network create --subnet 10.96.2.0/24 --disable-dns n2
    modes=(none host n1 n2 n1,n2)
    if rootless; then modes+=(pasta); else modes+=(bridge); fi
}
networks_of() { local n; for n in ${1//,/ }; do printf -- '--network %s ' "$n"; done; }

@test "hosts: --add-host, --no-hosts, --hosts-file in every mode" {
    modes
    printf '192.0.2.7\tfrom.the.base\n' >"$UMIAK_WORK/base"; chmod 644 "$UMIAK_WORK/base"
    for mode in "${modes[@]}"; do
        # shellcheck disable=SC2046
        run_umiak run --rm $(networks_of $mode) --name c --hostname h --add-host 'a.b;c.d:192.0.2.9' --hosts-file "$UMIAK_WORK/base" $IMAGE cat /etc/hosts
        like "$output" "192\.0\.2\.9[[:blank:]]a\.b" "$mode: --add-host"
        like "$output" "192\.0\.2\.9[[:blank:]](a\.b )?c\.d" "$mode: its second name"
        like "$output" "192\.0\.2\.7[[:blank:]]from\.the\.base" "$mode: --hosts-file"
        # shellcheck disable=SC2046
        run_umiak run --rm $(networks_of $mode) --name c --hosts-file none $IMAGE cat /etc/hosts
        [[ $output != *from.the.base* ]]
        like "$output" "127\.0\.0\.1[[:blank:]]+localhost" "$mode: no base"
        # shellcheck disable=SC2046
        run_umiak run --rm $(networks_of $mode) --no-hosts $IMAGE sh -c 'cat /etc/hosts; true'
        [[ $output != *host.containers.internal* ]] || { echo "$mode: $output"; return 1; }
        # shellcheck disable=SC2046
        run_umiak 125 run --rm $(networks_of $mode) --no-hosts --add-host a:192.0.2.9 $IMAGE true
    done
}

@test "resolv.conf: --dns, --dns-search, --dns-option in every mode; names of networks with names come first" {
    modes
    for mode in "${modes[@]}"; do
        [ $mode != none ] || continue
        # shellcheck disable=SC2046
        run_umiak run --rm $(networks_of $mode) --dns 192.0.2.53 --dns-search example.test --dns-option ndots:3 $IMAGE cat /etc/resolv.conf
        like "$output" "search .*example\.test" "$mode: --dns-search"
        like "$output" "options ndots:3" "$mode: --dns-option"
        case $mode in
        n1*) is "$(grep -c ^nameserver <<<"$output")" 1 "$mode: only the network's"
            like "$output" "nameserver 10\.96\.1\.1" "$mode: the network's" ;;
        *) is "$(grep ^nameserver <<<"$output")" "nameserver 192.0.2.53" "$mode: --dns" ;;
        esac
    done
    run_umiak 125 run --rm --network none --dns 192.0.2.53 $IMAGE true
    like "$output" "conflicting options: dns and the network mode: none" "it leads nowhere"
}

@test "a container in another's network has its files" {
    modes
    for mode in "${modes[@]}"; do
        # shellcheck disable=SC2046
        run_umiak run -d --replace --name owner $(networks_of $mode) --add-host a.b:192.0.2.9 $IMAGE sleep 1000
        run_umiak exec owner cat /etc/hosts /etc/resolv.conf
        theirs=$output
        run_umiak run --rm --network container:owner $IMAGE cat /etc/hosts /etc/resolv.conf
        ours=$output   # and may say its own name as well
        run_umiak 125 create --network container:owner --dns-search example.test $IMAGE true
        like "$output" "conflicting options: dns and the network mode: container" "$mode: theirs"
        is "$(grep -Fxvf <(echo "$ours") <<<"$theirs")" "" "$mode"
    done
}
