# SPDX-License-Identifier: Apache-2.0
# What needs a systemd as PID 1: the cgroup manager, the journal. `make check-vm` runs these in a guest.
load helpers

setup_file() {
    is_systemd || return 0
    umiak_setup_file
}
teardown_file() { [ -z "${UMIAK_WORK:-}" ] || umiak_teardown_file; }
setup() {
    is_systemd || skip "PID 1 is not systemd"
    if rootless && [ -z "${DBUS_SESSION_BUS_ADDRESS:-}" ]; then skip "no session bus for this user"; fi
}
teardown() { [ -z "${UMIAK_WORK:-}" ] || umiak_teardown; }

is_systemd() { [ -S /run/systemd/private ]; }
scope_of() { echo "libpod-$(umiak inspect --format '{{.Id}}' "$1").scope"; }
property() { systemctl show --property "$2" --value "$(scope_of "$1")"; }

@test "systemd: it is the cgroup manager where it runs" {
    run_umiak info --format '{{.Host.CgroupManager}}'
    is "$output" systemd "manager"
}

@test "systemd: a container is a scope with its limits, and the scope goes with it" {
    run_umiak run -d --name s --memory 64m --pids-limit 77 --network none $IMAGE sleep 100
    is "$(property s ActiveState)" active "the scope"
    is "$(property s Slice)" machine.slice "its slice"
    is "$(property s TasksMax)" 77 "a limit systemd knows"
    is "$(property s MemoryMax)" 67108864 "another"
    local pid group
    pid=$(umiak inspect --format '{{.State.Pid}}' s)
    group=$(sed 's/^0:://' "/proc/$pid/cgroup")
    like "$group" "/machine.slice/$(scope_of s)" "where the process is"
    is "$(cat "/sys/fs/cgroup$group/pids.max")" 77 "the kernel's limit"
    systemctl daemon-reload
    is "$(cat "/sys/fs/cgroup$group/pids.max")" 77 "still after a reload"
    local scope; scope=$(scope_of s)
    run_umiak rm -f -t0 s
    run systemctl is-active "$scope"
    [ "$output" != active ]
    [ ! -e "/sys/fs/cgroup$group" ]
}

@test "systemd: update, pause and exec work in a scope" {
    run_umiak run -d --name u --network none $IMAGE sleep 100
    run_umiak exec u true
    run_umiak pause u
    run_umiak unpause u
    run_umiak stop -t0 u
    run_umiak start u
    is "$(property u ActiveState)" active "a scope again"
}

@test "systemd: cgroupfs can be asked for all the same" {
    run_umiak --cgroup-manager cgroupfs run --rm --network none $IMAGE true
}

@test "journal: logs and events come back" {
    run_umiak run -d --name j --log-driver journald --network none $IMAGE sh -c 'echo out; echo err >&2'
    run_umiak wait j
    run_umiak logs j
    like "$output" out "stdout"
    like "$output" err "stderr"
    run_umiak --events-backend journald run --rm --name je --network none $IMAGE true
    run_umiak --events-backend journald events --since 1m --stream=false --filter container=je --format '{{.Status}}'
    like "$output" died "events"
}

@test "systemd: a pod is a slice with its limits, which go with the last member" {
    skip_rootless "the guest has no session bus for users"; local slice id pid group
    run_umiak pod create --name p --infra=false --memory 96m --cpus 0.5 --cpuset-cpus 0 --blkio-weight 300
    id=$(umiak pod inspect --format '{{.Id}}' p)
    run_umiak run -d --pod p --name a --memory 64m "$IMAGE" sleep 100
    run_umiak run -d --pod p --name b "$IMAGE" sleep 100
    pid=$(umiak inspect --format '{{.State.Pid}}' a)
    group=$(sed 's/^0:://' "/proc/$pid/cgroup"); group=${group%/*}
    slice=${group##*/}
    like "$slice" "libpod_pod_$id.slice" "both are in the pod's slice"
    like "$(cat "/proc/$(umiak inspect --format '{{.State.Pid}}' b)/cgroup")" "$slice" "the other one, too"
    is "$(systemctl show --property MemoryMax --value "$slice")" 100663296 "systemd knows the limit"
    is "$(cat "/sys/fs/cgroup$group/memory.max")" 100663296 "memory"
    is "$(cat "/sys/fs/cgroup$group/cpu.max")" "50000 100000" "cpu"
    is "$(cat "/sys/fs/cgroup$group/cpuset.cpus")" 0 "cpuset"
    [ ! -e "/sys/fs/cgroup$group/io.weight" ] || like "$(cat "/sys/fs/cgroup$group/io.weight")" "default 2930" "block devices"
    systemctl daemon-reload
    is "$(cat "/sys/fs/cgroup$group/memory.max") $(cat "/sys/fs/cgroup$group/cpuset.cpus")" "100663296 0" "still after a reload"
    run_umiak pod stop -t0 p
    for _ in $(seq 100); do [ -e "/sys/fs/cgroup$group" ] || break; sleep 0.1; done
    [ ! -e "/sys/fs/cgroup$group" ]
    run_umiak pod start p
    is "$(cat "/sys/fs/cgroup$group/memory.max")" 100663296 "again"
    run_umiak pod rm -f -t0 p
    for _ in $(seq 100); do [ -e "/sys/fs/cgroup$group" ] || break; sleep 0.1; done
    [ ! -e "/sys/fs/cgroup$group" ]
}
