# SPDX-License-Identifier: Apache-2.0
# options that limit a container: what is recorded of them, what stands in its control group, what is refused.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

# The limits are generous: a throttled process can be killed only when its last write is done.
disk() { # a whole disk of this machine
    local d
    for d in /dev/[svx]d[a-z] /dev/nvme*n[0-9] /dev/loop0; do [ ! -b "$d" ] || { echo "$d"; return; }; done
    skip "no disk here"
}

hostconfig() { umiak inspect --format "{{json .HostConfig.$2}}" "$1"; }

# NAME, then pairs: member of inspect's HostConfig, its JSON.
shows() {
    local name=$1; shift
    while [ $# -gt 0 ]; do is "$(hostconfig "$name" "$1")" "$2" "$name: $1"; shift 2; done
}

# Value of a control file of container c: CONTROLLER FILE (v1), or FILE (v2).
control() {
    local pid dir
    pid=$(umiak inspect --format '{{.State.Pid}}' c)
    if [ $# = 1 ]; then cat "/sys/fs/cgroup$(sed -n 's/^0:://p' "/proc/$pid/cgroup")/$1"; return; fi
    dir=$(awk -F: -v c="$1" '$2 ~ "(^|,)" c "(,|$)" { print $3 }' "/proc/$pid/cgroup")
    cat "/sys/fs/cgroup/$1$dir/$2"
}

@test "what was asked for is on record: create, update, container clone" {
    d=$(disk)
    umiak create --name c --blkio-weight 123 --blkio-weight-device "$d:200" --cpu-rt-period 900000 --cpu-rt-runtime 1000 \
        --cpuset-cpus 0 --cpuset-mems 0 --device-read-bps "$d:1gb" --device-write-bps "$d:2gb" --device-read-iops "$d:100000" \
        --device-write-iops "$d:200000" --memory 64m --memory-reservation 32m --memory-swap 96m --memory-swappiness 17 \
        --oom-kill-disable "$IMAGE" true >/dev/null
    shows c BlkioWeight 123 BlkioWeightDevice "[{\"Path\":\"$d\",\"Weight\":200}]" CpuRealtimePeriod 900000 CpuRealtimeRuntime 1000 \
        CpusetCpus '"0"' CpusetMems '"0"' BlkioDeviceReadBps "[{\"Path\":\"$d\",\"Rate\":1073741824}]" \
        BlkioDeviceWriteBps "[{\"Path\":\"$d\",\"Rate\":2147483648}]" BlkioDeviceReadIOps "[{\"Path\":\"$d\",\"Rate\":100000}]" \
        BlkioDeviceWriteIOps "[{\"Path\":\"$d\",\"Rate\":200000}]" MemoryReservation 33554432 MemorySwap 100663296 \
        MemorySwappiness 17 OomKillDisable true
    umiak update --blkio-weight 124 --blkio-weight-device "$d:201" --cpu-period 50000 --cpu-quota 20000 --cpu-rt-period 800000 --cpu-rt-runtime 900 \
        --cpu-shares 512 --cpuset-cpus 0-0 --cpuset-mems 0-0 --device-read-bps "$d:3gb" --device-write-bps "$d:4gb" --device-read-iops "$d:300000" \
        --device-write-iops "$d:400000" --memory 128m --memory-swap 192m --memory-swappiness 18 c >/dev/null
    shows c BlkioWeight 124 BlkioWeightDevice "[{\"Path\":\"$d\",\"Weight\":201}]" CpuPeriod 50000 CpuQuota 20000 \
        CpuRealtimePeriod 800000 CpuRealtimeRuntime 900 CpuShares 512 CpusetCpus '"0-0"' CpusetMems '"0-0"' \
        BlkioDeviceReadBps "[{\"Path\":\"$d\",\"Rate\":3221225472}]" BlkioDeviceWriteBps "[{\"Path\":\"$d\",\"Rate\":4294967296}]" \
        BlkioDeviceReadIOps "[{\"Path\":\"$d\",\"Rate\":300000}]" BlkioDeviceWriteIOps "[{\"Path\":\"$d\",\"Rate\":400000}]" \
        MemorySwap 201326592 MemorySwappiness 18
    umiak container clone --name k --blkio-weight 125 --blkio-weight-device "$d:202" --cpu-period 60000 --cpu-quota 30000 --cpu-rt-period 700000 \
        --cpu-rt-runtime 800 --cpu-shares 256 --cpuset-cpus 0 --cpuset-mems 0 --device-read-bps "$d:5gb" --device-write-bps "$d:6gb" \
        --memory-reservation 16m --memory-swap 256m --memory-swappiness 19 c >/dev/null
    shows k BlkioWeight 125 BlkioWeightDevice "[{\"Path\":\"$d\",\"Weight\":202}]" CpuPeriod 60000 CpuQuota 30000 CpuRealtimePeriod 700000 \
        CpuRealtimeRuntime 800 CpuShares 256 CpusetCpus '"0"' CpusetMems '"0"' MemoryReservation 16777216 MemorySwap 268435456 \
        MemorySwappiness 19 Memory 134217728 BlkioDeviceReadBps "[{\"Path\":\"$d\",\"Rate\":5368709120}]" \
        BlkioDeviceWriteBps "[{\"Path\":\"$d\",\"Rate\":6442450944}]" BlkioDeviceReadIOps "[{\"Path\":\"$d\",\"Rate\":300000}]"
    umiak create --name q "$IMAGE" true >/dev/null
    umiak container clone --cpus 1.5 q >/dev/null
    shows q-clone NanoCpus 1500000000
    umiak pod create --name p >/dev/null
    umiak container clone --pod p --name inpod q >/dev/null
    is "$(umiak inspect --format '{{.Pod}}' inpod)" "$(umiak pod inspect --format '{{.ID}}' p)" "clone --pod"
    umiak pod rm -f p >/dev/null
}

@test "health checks are changed by update" {
    umiak create --name c --health-cmd true "$IMAGE" true >/dev/null
    mkdir "$UMIAK_WORK/tmp/log"; rootless && chown "$UMIAK_TEST_USER": "$UMIAK_WORK/tmp/log"
    umiak update --health-log-destination "$UMIAK_WORK/tmp/log" --health-on-failure kill --health-start-period 3s --health-timeout 4s \
        --health-startup-cmd 'test 1' --health-startup-interval 5s --health-startup-retries 6 --health-startup-success 7 \
        --health-startup-timeout 8s c >/dev/null
    is "$(umiak inspect --format '{{.Config.HealthLogDestination}} {{.Config.HealthcheckOnFailureAction}}' c)" "$UMIAK_WORK/tmp/log kill" "log, action"
    is "$(umiak inspect --format '{{.Config.Healthcheck.StartPeriod}} {{.Config.Healthcheck.Timeout}}' c)" "3s 4s" "times"
    is "$(umiak inspect --format '{{json .Config.StartupHealthCheck}}' c | tr -d ' ')" \
        '{"Test":["CMD-SHELL","test1"],"Interval":5000000000,"Timeout":8000000000,"Retries":6,"Successes":7}' "of the start"
}

@test "control groups v1: the files of the container's groups, and after an update" {
    skip_rootless "v1 groups are root's"
    [ -e /sys/fs/cgroup/memory/memory.limit_in_bytes ] || skip "no cgroup v1"
    d=$(disk) number=$(printf '%d:%d' "0x$(stat -c %t "$d")" "0x$(stat -c %T "$d")")
    run_umiak run -d --name c --network none --cpuset-cpus 0 --cpuset-mems 0 --memory 64m --memory-reservation 32m --memory-swappiness 17 --oom-kill-disable \
        --device-read-bps "$d:1gb" --device-write-bps "$d:2gb" --device-read-iops "$d:100000" --device-write-iops "$d:200000" \
        --cpu-rt-period 900000 --device-cgroup-rule 'c 42:* rmw' "$IMAGE" sleep 1000
    is "$(control cpuset cpuset.cpus) $(control cpuset cpuset.mems)" "0 0" "cpuset"
    is "$(control memory memory.swappiness) $(control memory memory.soft_limit_in_bytes)" "17 33554432" "memory"
    like "$(control memory memory.oom_control)" "oom_kill_disable 1" "no OOM killer"
    realtime=$(ls /sys/fs/cgroup/cpu/cpu.rt_period_us 2>/dev/null || true)   # kernels of realtime groups only
    [ -z "$realtime" ] || is "$(control cpu cpu.rt_period_us)" 900000 "real time"
    like "$(control devices devices.list)" "c 42:[*] rwm" "device rule"
    [ ! -e /sys/fs/cgroup/blkio/blkio.throttle.io_serviced ] || for f in "read_bps 1073741824" "write_bps 2147483648" "read_iops 100000" "write_iops 200000"; do
        is "$(control blkio "blkio.throttle.${f% *}_device")" "$number ${f#* }" "$f"
    done
    umiak update --cpuset-cpus 0 --cpuset-mems 0 --memory-swappiness 18 --cpu-rt-period 800000 --device-read-bps "$d:3gb" --device-write-iops "$d:300000" c >/dev/null
    is "$(control memory memory.swappiness)" 18 "after update"
    [ -z "$realtime" ] || is "$(control cpu cpu.rt_period_us)" 800000 "real time after update"
    if [ -e /sys/fs/cgroup/blkio/blkio.throttle.io_serviced ]; then
        is "$(control blkio blkio.throttle.read_bps_device)" "$number 3221225472" "after update: reads"
        is "$(control blkio blkio.throttle.write_iops_device)" "$number 300000" "after update: writes"
    fi
    # control: none of it where nothing was asked for
    run_umiak run --rm --network none "$IMAGE" cat /proc/self/cgroup
    umiak rm -f -t0 c >/dev/null
    [ -z "$realtime" ] || run_umiak 125 run --rm --network none --cpu-rt-runtime 2000000 "$IMAGE" true
    [ -z "$realtime" ] || like "$output" "set cpu.rt_runtime_us to 2000000: Invalid argument: more than the period or than the groups above have: raise" "real time without a budget"
    run_umiak 125 run --rm --cgroup-conf memory.high=1000000 "$IMAGE" true
    like "$output" "cannot use --cgroup-conf without cgroup v2" "--cgroup-conf"
    if [ ! -e /sys/fs/cgroup/blkio/blkio.bfq.weight ] && ! grep -q '\[bfq\]' "/sys/block/${d##*/}/queue/scheduler"; then
        run_umiak run --rm --network none --blkio-weight-device "$d:200" "$IMAGE" true
        like "$output" "blkio.bfq.weight_device is not applied" "what the disk's scheduler lacks is told"
    fi
}

@test "control groups v2: the files of the container's group, and after an update" {
    [ "$(stat -f -c %T /sys/fs/cgroup)" = cgroup2fs ] || skip "no cgroup v2"
    skip_rootless "needs the io and cpuset controllers delegated"
    d=$(disk) number=$(printf '%d:%d' "0x$(stat -c %t "$d")" "0x$(stat -c %T "$d")")
    run_umiak run -d --name c --network none --cpuset-cpus 0 --cpuset-mems 0 --memory 64m --memory-reservation 32m --memory-swap 96m --cgroup-conf memory.high=50331648 \
        --device-read-bps "$d:1gb" --device-write-bps "$d:2gb" --device-read-iops "$d:100000" --device-write-iops "$d:200000" \
        --cpu-shares 2048 --cpu-rt-period 900000 --cpu-rt-runtime 1000 --memory-swappiness 5 "$IMAGE" sleep 1000
    like "$output" "a realtime cpu limit does not exist on cgroup v2" "real time"
    like "$output" "memory swappiness does not exist on cgroup v2" "swappiness"
    is "$(control cpuset.cpus) $(control cpuset.mems) $(control memory.max) $(control memory.low) $(control memory.high)" \
        "0 0 67108864 33554432 50331648" "cpuset, memory"
    is "$(control io.max)" "$number rbps=1073741824 wbps=2147483648 riops=100000 wiops=200000" "io.max"
    umiak update --device-read-bps "$d:3gb" --memory-reservation 16m --cpu-shares 1024 c >/dev/null
    is "$(control io.max)" "$number rbps=3221225472 wbps=2147483648 riops=100000 wiops=200000" "io.max after update"
    is "$(control memory.low)" 16777216 "memory.low after update"
    umiak rm -f -t0 c >/dev/null
}

@test "values that mean nothing are refused by name" {
    d=$(disk)
    while IFS='|' read -r options text; do
        run_umiak 125 create $options "$IMAGE" true
        like "$output" "$text" "$options"
    done <<T
--blkio-weight 5|range of blkio weight is from 10 to 1000
--blkio-weight-device $d:5|invalid value for device: $d:5
--blkio-weight-device $d|bad format: $d: should be <path>:<number>
--memory-swappiness 101|valid memory swappiness range is 0-100
--device-read-bps $d:xx|invalid rate for device: $d:xx: must be a positive size such as 1mb
--device-write-iops vda:1|bad format for device path: vda:1
--device-cgroup-rule nonsense|device
--link-local-ip 169.254.0.3|link-local-ip
T
    umiak create --name c "$IMAGE" true >/dev/null
    run_umiak 125 update --blkio-weight 5 c
    like "$output" "range of blkio weight is from 10 to 1000" "update"
    run_umiak 125 update --memory-swappiness 101 c
    run_umiak 125 run --rm --network none --cpuset-mems x "$IMAGE" true
    rootless && return
    run_umiak 125 run --rm --device-read-bps /dev/nosuch:1m "$IMAGE" true
    like "$output" "could not get device info for /dev/nosuch" "no such device"
    run_umiak 125 run --rm --network none --rdt-class one "$IMAGE" true
    like "$output" "intelRdt is not supported" "--rdt-class"
    run_umiak run --rm --network none --kernel-memory 1g "$IMAGE" true
    like "$output" "kernel-memory flag is no longer supported. This flag is a noop" "--kernel-memory"
}
