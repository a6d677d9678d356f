# SPDX-License-Identifier: Apache-2.0
# update: settings of a container that exists; stats: what it uses.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

limit_of() { # CONTAINER CONTROLLER V1-FILE V2-FILE: the value in its control group
    local pid path; pid=$(umiak inspect -f '{{.State.Pid}}' "$1")
    path=$(sed -n "s/^[0-9]*:\([^:]*,\)\{0,1\}$2\\(,[^:]*\\)\\{0,1\\}://p" /proc/$pid/cgroup | head -1)
    if [ -e "/sys/fs/cgroup/$2$path/$3" ]; then cat "/sys/fs/cgroup/$2$path/$3"
    else cat "/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/$pid/cgroup)/$4"; fi
}

@test "update: limits reach the running container and stay for the next start" {
    run_umiak run -d --name c --memory 40m "$IMAGE" sleep 100
    cid=${lines[-1]}
    run_umiak update --memory 64m --pids-limit 77 --cpus 0.5 c
    is "${lines[-1]}" "$cid" "prints the id"
    run_umiak inspect --format '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}} {{.HostConfig.NanoCpus}}' c
    is "$output" "67108864 77 500000000" "stored"
    if ! rootless; then
        is "$(limit_of c memory memory.limit_in_bytes memory.max)" 67108864 "memory"
        is "$(limit_of c pids pids.max pids.max)" 77 "a controller that limited nothing before"
        like "$(limit_of c cpu cpu.cfs_quota_us cpu.max)" "^50000" "cpu"
        umiak restart -t0 c
        is "$(limit_of c memory memory.limit_in_bytes memory.max)" 67108864 "after a restart"
    fi
    umiak rm -ft0 c
    ! find /sys/fs/cgroup -name "*$cid*" | grep .
}

@test "update: environment, ulimits, restart policy, health checks; what makes no sense" {
    run_umiak run --name c -e A=1 -e B=2 "$IMAGE" sh -c 'echo $A $B $C; ulimit -n'
    run_umiak update -e A=new -e C=3 --unsetenv B --ulimit nofile=100:200 --restart on-failure:3 c
    run_umiak start -a c
    is "$output" "new 3
100" "environment and ulimits"
    run_umiak inspect --format '{{.HostConfig.RestartPolicy.Name}} {{.HostConfig.RestartPolicy.MaximumRetryCount}}' c
    is "$output" "on-failure 3" "restart policy"
    run_umiak 125 update --health-interval 5s c
    like "$output" "healthcheck command is not set" "an interval for nothing"
    run_umiak update --health-cmd 'test -e /ok' --health-interval 3s --health-retries 7 c
    run_umiak inspect --format '{{.Config.Healthcheck.Test}} {{.Config.Healthcheck.Interval}} {{.Config.Healthcheck.Retries}}' c
    is "$output" "[CMD-SHELL test -e /ok] 3s 7" "health check"
    run_umiak 125 update --no-healthcheck --health-retries 3 c
    like "$output" "cannot specify both --no-healthcheck" "both"
    run_umiak update --no-healthcheck c
    run_umiak inspect --format '{{.Config.Healthcheck.Test}}' c
    is "$output" "[NONE]" "switched off"
    run_umiak 125 update --device-read-bps /dev/null:1mb c
    like "$output" "/dev/null: not a block device" "devices"
    run_umiak 125 update nosuch
    run_umiak 125 update
}

@test "update: a running container gets a health check" {
    umiak run -d --name c "$IMAGE" sleep 100
    run_umiak update --health-cmd true --health-interval 1s c
    for i in $(seq 1 100); do
        run umiak inspect --format '{{.State.Health.Status}}' c
        [ "$output" = healthy ] && return
        sleep 0.1
    done
    echo "never healthy: $output"; false
}

@test "stats: numbers of running containers, formats, in place on a terminal" {
    umiak run -d --name busy "$IMAGE" sh -c 'while :; do :; done'
    umiak run -d --name idle "$IMAGE" sleep 100
    umiak create --name not "$IMAGE" true
    sleep 1
    run_umiak stats --no-stream
    like "${lines[0]}" "^ID +NAME +CPU % +MEM USAGE / LIMIT +MEM % +NET IO +BLOCK IO +PIDS +CPU TIME +AVG CPU %" "headings"
    is "${#lines[@]}" 3 "running ones only"
    run_umiak stats --no-stream --format '{{.CPUNano}}' busy
    [ "$output" -gt 50000000 ]
    run_umiak stats --no-stream --no-trunc --format json idle
    is "$(jq -r '.[0].name, (.[0].id | length), .[0].pids' <<<"$output")" "idle
64
1" "json"
    run_umiak 125 stats --no-stream not
    like "$output" "container state improper" "one that does not run"
    run_umiak 125 stats -a busy
    like "$output" "cannot be used together" "all and one"
    run_umiak 125 stats -i 0
    # a stream: several samples; a terminal is asked to go home first
    export -f umiak
    run timeout 3 bash -c "umiak stats -i 1 --format '{{.Name}}' idle"
    [ "$(grep -c idle <<<"$output")" -ge 2 ]
    run env SHELL=/bin/bash TERM=xterm timeout 3 script -qec "bash -c 'umiak stats -i 1 idle'" /dev/null
    [[ $output == *$'\033[H\033[K'* ]]
}
