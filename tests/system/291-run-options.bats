# SPDX-License-Identifier: Apache-2.0
# options of run and create that no other file looks at.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

@test "cgroup namespaces: private, host, another container's" {
    ns() { umiak run --rm --network none --cgroupns "$1" "$IMAGE" readlink /proc/self/ns/cgroup; }
    is "$(ns host)" "$(readlink /proc/self/ns/cgroup)" "host"
    [ "$(ns private)" != "$(readlink /proc/self/ns/cgroup)" ]
    umiak run -d --name c --network none --cgroupns private "$IMAGE" sleep 1000 >/dev/null
    is "$(ns container:c)" "$(umiak exec c readlink /proc/self/ns/cgroup)" "container:"
    umiak rm -f -t0 c >/dev/null
}

@test "--init-path, --shm-size-systemd, --no-healthcheck, --sig-proxy, what is accepted" {
    cp "$UMIAK_BUILD/umiak-init" "$UMIAK_WORK/tmp/my-init"; chmod 755 "$UMIAK_WORK/tmp/my-init"
    run_umiak run --rm --network none --init --init-path "$UMIAK_WORK/tmp/my-init" "$IMAGE" sh -c 'grep podman-init /proc/1/mountinfo'
    like "$output" "/my-init " "the program"
    run_umiak 125 run --rm --init --init-path /nosuch "$IMAGE" true
    like "$output" "container-init binary /nosuch: No such file" "none"
    run_umiak run --rm --network none --systemd always --shm-size-systemd 1m "$IMAGE" df -k /run/lock
    like "$output" "tmpfs +1024 " "--shm-size-systemd"
    umiak create --name c --no-healthcheck "$IMAGE" true >/dev/null
    is "$(umiak inspect --format '{{json .Config.Healthcheck.Test}}' c)" '["NONE"]' "--no-healthcheck"
    run_umiak run --rm --network none --sig-proxy=false --disable-content-trust --os linux --variant v8 "$IMAGE" echo fine
    is "$output" fine "accepted"
}

@test "pulling: --retry, --retry-delay, --signature-policy, --cert-dir, --creds" {
    run_umiak 125 run --retry 1 --retry-delay 1ms --creds a:b localhost:1/nosuch true
    like "$output" "Failed, retrying in 1ms ... .1/1." "told"
    run_umiak 125 run --retry-delay bogus localhost:1/nosuch true
    like "$output" 'time: invalid duration "bogus"' "no duration"
    run_umiak 125 run --retry 0 --signature-policy /nosuch localhost:1/nosuch true
    like "$output" "/nosuch: " "the policy is read"
    mkdir "$UMIAK_WORK/tmp/certs"; : >"$UMIAK_WORK/tmp/certs/client.cert"; chmod -R a+rX "$UMIAK_WORK/tmp/certs"
    run_umiak 125 run --retry 0 --cert-dir "$UMIAK_WORK/tmp/certs" localhost:1/nosuch true
    like "$output" "client.key|key" "a certificate without its key"
}

@test "subordinate ids of another name: --subuidname, --subgidname" {
    skip_rootless "maps of a user are the next level's"
    first=$(awk -F: -v u="$UMIAK_TEST_USER" '$1 == u { print $2; exit }' /etc/subuid)
    [ -n "$first" ] || skip "no subordinate ids"
    run_umiak run --rm --network none --subuidname "$UMIAK_TEST_USER" --subgidname "$UMIAK_TEST_USER" "$IMAGE" cat /proc/self/uid_map
    like "$output" "^ *0 +$first " "the map"
    run_umiak 125 run --rm --subuidname nosuch "$IMAGE" true
    like "$output" 'no subuid ranges found for user "nosuch" in /etc/subuid' "nobody"
}

@test "networks: --ip6, --publish-all" {
    skip_rootless "bridges of root"
    umiak network create --subnet fd97:6::/64 --ipv6 six >/dev/null
    umiak run -d --name c --network six --ip6 fd97:6::7 --expose 80 --publish-all "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak inspect --format '{{.NetworkSettings.Networks.six.GlobalIPv6Address}}' c)" fd97:6::7 "--ip6"
    like "$(umiak port c)" "^80/tcp -> " "--publish-all"
    umiak rm -f -t0 c >/dev/null; umiak network rm six >/dev/null
}

@test "small flags of attach, exec, logs, restart, top" {
    umiak run --name c --network none "$IMAGE" echo said >/dev/null
    run_umiak 125 attach --latest --no-stdin --sig-proxy=false
    like "$output" "running" "attach: only to running ones"
    is "$(umiak logs --details c)" said "logs --details"
    run_umiak 125 create --link-local-ip 169.254.0.3 "$IMAGE" true
    like "$output" "link-local-ip" "refused by name"
    umiak run -d --name d --network none "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak exec --tty d echo x | tr -d '\r')" x "exec --tty"
    run_umiak restart --all -t0
    is "${#lines[@]}" 2 "restart --all"
    like "$(umiak top --list-descriptors)" "capeff" "top --list-descriptors"
    umiak rm -f -t0 c d >/dev/null
}
