# SPDX-License-Identifier: Apache-2.0
# What the most used options of containers do that no other file looks at.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "ps: sizes, namespaces, headings, the newest" {
    umiak create --name old "$IMAGE" true >/dev/null
    umiak run --name new "$IMAGE" sh -c 'echo some bytes >/file' >/dev/null
    is "$(umiak ps --last 1 --noheading --format '{{.Names}}')" new "--last"
    is "$(umiak ps -a --sync --noheading | wc -l)" 2 "--noheading"
    like "$(umiak ps -a --size --filter name=new --format '{{.Size}}')" '^[0-9.]+ ?k?B \(virtual [0-9.]+ ?[kM]B\)$' "--size"
    like "$(umiak ps -a --namespace | head -n1)" 'CONTAINER ID +NAMES +PID +CGROUPNS' "--namespace"
    like "$(umiak inspect --size --format '{{.SizeRw}}' new)" '^[1-9]' "inspect --size"
}

@test "logs: time stamps and colours" {
    umiak run --name c "$IMAGE" echo line >/dev/null
    like "$(umiak logs --timestamps c)" '^20[0-9-]+T[0-9:.]+(Z|[+-][0-9:]+) line$' "--timestamps"
    like "$(umiak logs --color c)" $'^\033\\[[0-9;]+m?.*line' "--color"
}

@test "the process: groups, oom score, host's environment and groups" {
    is "$(umiak run --rm --group-add 4242 "$IMAGE" id -G)" "0 4242" "--group-add"
    is "$(umiak run --rm --oom-score-adj 321 "$IMAGE" cat /proc/self/oom_score_adj)" 321 "--oom-score-adj"
    export FROM_HOST=yes
    if ! rootless; then
        like "$(umiak run --rm --env-host "$IMAGE" env)" FROM_HOST=yes "--env-host"
        http_proxy=http://proxy:1 run_umiak run --rm "$IMAGE" sh -c 'echo $http_proxy'
        is "$output" http://proxy:1 "proxies come along"
        http_proxy=http://proxy:1 run_umiak run --rm --http-proxy=false "$IMAGE" sh -c 'echo $http_proxy'
        is "$output" "" "--http-proxy=false"
    fi
    umiak run -d --name c --stop-timeout 3 --conmon-pidfile "$UMIAK_WORK/tmp/monitor" "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak inspect --format '{{.Config.StopTimeout}} {{.State.ConmonPid}}' c)" "3 $(cat "$UMIAK_WORK/tmp/monitor")" "--stop-timeout, --conmon-pidfile"
    is "$(umiak exec --no-session c echo said)" said "exec --no-session"
}

@test "names: host files, name servers' options" {
    printf '127.0.0.9 of-the-file\n' >"$UMIAK_WORK/tmp/hosts"
    chmod a+r "$UMIAK_WORK/tmp/hosts"
    like "$(umiak run --rm --network none --hosts-file "$UMIAK_WORK/tmp/hosts" "$IMAGE" cat /etc/hosts)" '127.0.0.9.of-the-file' "--hosts-file"
    run_umiak run --rm --dns 192.0.2.1 --dns-search example.org --dns-option ndots:3 "$IMAGE" cat /etc/resolv.conf
    like "$output" 'search example.org' "--dns-search"
    like "$output" 'options ndots:3' "--dns-option"
    run_umiak run --rm --no-hostname "$IMAGE" sh -c 'grep -c " /etc/hostname " /proc/mounts || true'
    is "$output" 0 "--no-hostname"
}

@test "what is mounted: image volumes, tmpfs of read-only roots, shared memory of systemd" {
    umiak create --name v "$IMAGE" true >/dev/null
    umiak commit -q --change 'VOLUME /vol' v localhost/volumes >/dev/null
    umiak rm v
    is "$(umiak run --rm --image-volume tmpfs localhost/volumes stat -f -c %T /vol)" tmpfs "--image-volume tmpfs"
    is "$(umiak run --rm --image-volume ignore localhost/volumes sh -c 'grep -c " /vol " /proc/mounts || true')" 0 "--image-volume ignore"
    umiak run --rm --read-only "$IMAGE" touch /tmp/x
    run_umiak 1 run --rm --read-only --read-only-tmpfs=false "$IMAGE" sh -c 'mkdir -p /tmp; touch /tmp/x'
    umiak rmi localhost/volumes
    umiak run --rm --mount type=tmpfs,destination=/jail --chrootdirs /jail "$IMAGE" true
}

@test "control groups: shares, quota, swap" {
    skip_rootless
    umiak run -d --name c --cpu-shares 512 --cpu-period 50000 --cpu-quota 20000 --memory 64m --memory-swap 128m "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak inspect --format '{{.HostConfig.CpuShares}} {{.HostConfig.CpuQuota}} {{.HostConfig.MemorySwap}}' c)" "512 20000 134217728" "inspect"
    umiak update --cpu-quota 30000 --memory-reservation 32m c >/dev/null
    is "$(umiak inspect --format '{{.HostConfig.CpuQuota}} {{.HostConfig.MemoryReservation}}' c)" "30000 33554432" "update"
    pid=$(umiak inspect --format '{{.State.Pid}}' c)
    group=$(awk -F: '$2 ~ /(^|,)cpu(,|$)/ { print $3 }' "/proc/$pid/cgroup")
    if [ -n "$group" ] && [ -e "/sys/fs/cgroup/cpu$group/cpu.shares" ]; then
        is "$(cat "/sys/fs/cgroup/cpu$group/cpu.shares") $(cat "/sys/fs/cgroup/cpu$group/cpu.cfs_quota_us")" "512 30000" "the group"
    fi
}

@test "health checks: how much is kept" {
    umiak create --name c --health-cmd 'echo 123456789' --health-interval disable --health-max-log-count 2 --health-max-log-size 4 \
        --health-startup-cmd true --health-startup-retries 3 --health-startup-success 2 --health-startup-timeout 5s "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak inspect --format '{{.Config.HealthMaxLogCount}} {{.Config.HealthMaxLogSize}}' c)" "2 4" "inspect"
    is "$(umiak inspect --format '{{.Config.StartupHealthCheck.Retries}} {{.Config.StartupHealthCheck.Successes}}' c)" "3 2" "of the start"
    umiak rm c
    umiak run -d --name c --health-cmd 'echo 123456789' --health-interval disable --health-max-log-count 2 --health-max-log-size 4 "$IMAGE" sleep 1000 >/dev/null
    for _ in 1 2 3; do umiak healthcheck run c; done
    is "$(umiak inspect --format '{{len .State.Health.Log}} {{(index .State.Health.Log 0).Output}}' c)" "2 1234" "two lines of four characters"
}

@test "pods: what ps tells of containers, logs of one" {
    umiak pod create --name p --infra=false >/dev/null
    umiak run -d --pod p --name m "$IMAGE" sh -c 'echo said; sleep 1000' >/dev/null
    like "$(umiak pod ps --ctr-names --ctr-status --ctr-ids --noheading)" "m.*(Up|[Rr]unning)|(Up|[Rr]unning).*m" "--ctr-names, --ctr-status"
    for _ in $(seq 200); do [ -z "$(umiak pod logs --container m p)" ] || break; sleep 0.05; done
    is "$(umiak pod logs --container m p)" said "pod logs --container"
    umiak pod rm -f -t0 p
}

@test "restart --running, run --rmi, export --output, generate spec --filename" {
    umiak run -d --name one "$IMAGE" sleep 1000 >/dev/null
    umiak create --name two "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak restart --running -t0)" "$(umiak inspect --format '{{.Id}}' one)" "only the running one"
    umiak create --name base "$IMAGE" true >/dev/null
    umiak commit -q base localhost/gone >/dev/null
    umiak run --rmi localhost/gone true
    run_umiak 1 image exists localhost/gone
    umiak export --output "$UMIAK_WORK/tmp/c.tar" two
    tar -tf "$UMIAK_WORK/tmp/c.tar" | grep -q etc/passwd
    umiak generate spec --filename "$UMIAK_WORK/tmp/spec.json" two >/dev/null
    grep -q '"name"' "$UMIAK_WORK/tmp/spec.json"
}
