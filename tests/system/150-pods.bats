# SPDX-License-Identifier: Apache-2.0
# Pods: what their containers share, how they live and go.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { umiak system prune -f >/dev/null 2>&1 || true; }
teardown() {
    umiak pod rm -af -t0 >/dev/null
    umiak_teardown
    # no group of a pod may stay
    [ -z "$(find /sys/fs/cgroup -maxdepth 3 -path '*/libpod_parent/*' -name "${LAST_POD:-none}" 2>/dev/null)" ]
}

# Two members of one pod see the same namespace of that kind. One of them must live on: numbers of namespaces return.
shares() { # POD KIND
    local a b
    umiak container exists "first-$1" || umiak run -d --name "first-$1" --pod "$1" $IMAGE sleep 1000 >/dev/null
    a=$(umiak exec "first-$1" readlink /proc/self/ns/"$2")
    b=$(umiak run --rm --pod "$1" $IMAGE readlink /proc/self/ns/"$2")
    [ "$a" = "$b" ]
}

@test "an empty pod has an infra container that needs no image" {
    run_umiak pod create --name empty
    id=$output
    like "$id" '^[0-9a-f]{64}$' "the id is printed"
    run_umiak pod inspect --format '{{.Name}} {{.State}} {{.NumContainers}} {{.SharedNamespaces}}' empty
    is "$output" "empty Created 1 [ipc net uts]" "inspect"
    run_umiak pod start empty
    is "$output" empty "start prints the name given"
    run_umiak ps --format '{{.Names}} {{.PodName}} {{.Status}}'
    like "$output" "${id:0:12}-infra empty Up" "the infra container runs"
    run_umiak pod stop empty
    run_umiak pod ps --format '{{.Name}} {{.Status}}'
    is "$output" "empty Exited" "stopped"
    run_umiak pod rm empty
    run_umiak ps -aq
    is "$output" "" "nothing is left"
}

@test "members share what --share says and nothing else" {
    umiak pod create --name s --share +pid >/dev/null
    for ns in net ipc uts pid; do
        shares s $ns || { echo "$ns is not shared"; false; }
    done
    run shares s mnt
    [ "$status" != 0 ]
    umiak pod create --name t --share ipc >/dev/null
    shares t ipc
    run shares t uts
    [ "$status" != 0 ]
    run_umiak 125 pod create --share bogus
    like "$output" "invalid kernel namespace to share: bogus. Options are: cgroup, ipc, net, pid, uts or none" "unknown kind"
}

@test "members talk over loopback and shared memory" {
    umiak pod create --name talk >/dev/null
    # a listener whose own input does not end: it would hang up at once, and the other side before it said anything
    umiak run -d --pod talk --name server $IMAGE sh -c 'mkfifo /open; exec nc -l -p 5432 <>/open' >/dev/null
    for _ in $(seq 50); do
        umiak run --rm --pod talk $IMAGE sh -c 'echo hello | nc 127.0.0.1 5432' && break
        sleep 0.2
    done
    umiak wait server >/dev/null
    run_umiak logs server
    is "$output" hello "what the neighbour said"
    umiak run --rm --pod talk $IMAGE touch /dev/shm/there
    umiak run --rm --pod talk $IMAGE test -e /dev/shm/there
}

@test "the pod's name is the members' host name unless one is given" {
    run_umiak run --rm --pod new:fresh $IMAGE hostname
    is "$output" fresh "new:NAME"
    run_umiak run --rm --pod new:other --hostname foobar $IMAGE hostname
    is "$output" foobar "--hostname goes to the new pod"
    run_umiak 125 run --rm --pod fresh --hostname foobar $IMAGE hostname
    like "$output" "cannot set hostname when joining the pod UTS namespace: invalid configuration" "conflict"
    run_umiak 125 run --pod new: $IMAGE true
    like "$output" "new pod name must be at least one character" "no name"
}

@test "a pod's infra container goes with the pod only" {
    umiak create --pod new:held --name member $IMAGE true >/dev/null
    infra=$(umiak pod inspect --format '{{.InfraContainerID}}' held)
    run_umiak 125 rm "$infra"
    like "$output" "is the infra container of pod .* and cannot be removed without removing the pod" "rm"
    run_umiak 125 rm --force "$infra"
    run_umiak rm --force --depend "$infra"
    like "$output" "$infra" "the infra container is named"
    run_umiak 1 pod exists held
    run_umiak 1 container exists member
}

@test "pod rm names every container that runs" {
    umiak pod create --infra=false --name busy >/dev/null
    umiak run -d --pod busy --name one $IMAGE sleep 1000 >/dev/null
    umiak run -d --pod busy --name two $IMAGE sleep 1000 >/dev/null
    run_umiak 125 pod rm busy
    like "${lines[0]}" "Error: not all containers could be removed from pod .*: removing pod containers" "the pod"
    like "${lines[1]}" "as it is running - running or paused containers cannot be removed without force" "first"
    like "${lines[2]}" "as it is running - running or paused containers cannot be removed without force" "second"
    run_umiak pod ps --format '{{.Status}}'
    is "$output" Running "it is still a pod"
    run_umiak pod rm -f -t0 busy
    run_umiak 1 pod rm busy
    like "$output" "no pod with name or ID busy found: no such pod" "gone"
}

@test "exit policy: stop ends the pod with its last container" {
    umiak pod create --name stopper --exit-policy stop >/dev/null
    umiak run --pod stopper $IMAGE true
    for _ in $(seq 50); do
        [ "$(umiak pod inspect --format '{{.State}}' stopper)" = Exited ] && break
        sleep 0.1
    done
    is "$(umiak pod inspect --format '{{.State}}' stopper)" Exited "stop"
    umiak pod create --name goer >/dev/null
    umiak run --pod goer $IMAGE true
    is "$(umiak pod inspect --format '{{.State}}' goer)" Degraded "continue"
    run_umiak 125 pod create --exit-policy invalid
    like "$output" 'running pod create option: invalid pod exit policy: "invalid"' "unknown policy"
}

@test "init containers run first; those for once go" {
    umiak pod create --name inits >/dev/null
    umiak create --pod inits --init-ctr always --name always $IMAGE sh -c 'echo a >>/dev/shm/log' >/dev/null
    umiak create --pod inits --init-ctr once --name once $IMAGE sh -c 'echo o >>/dev/shm/log' >/dev/null
    umiak create --pod inits --name main $IMAGE cat /dev/shm/log >/dev/null
    umiak pod start inits >/dev/null
    umiak wait main >/dev/null
    run_umiak logs main
    is "$output" "a
o" "both ran before"
    run_umiak 1 container exists once
    run_umiak 125 create --init-ctr always $IMAGE true
    like "$output" "must specify pod value with init-ctr" "without a pod"
    run_umiak 125 create --pod inits --init-ctr sometimes $IMAGE true
    like "$output" "init-ctr value must be 'always' or 'once'" "unknown word"
    umiak pod create --name failing >/dev/null
    umiak create --pod failing --init-ctr always $IMAGE false >/dev/null
    run_umiak 125 pod start failing
    like "$output" "init container .* exited with code 1" "a failed one stops the start"
}

@test "start, stop, pause, kill and restart act on all members" {
    umiak pod create --name all >/dev/null
    umiak create --pod all --name m1 $IMAGE sleep 1000 >/dev/null
    umiak create --pod all --name m2 $IMAGE sleep 1000 >/dev/null
    umiak pod start all >/dev/null
    is "$(umiak pod inspect --format '{{.State}}' all)" Running "started"
    if ! rootless; then
        umiak pod pause all >/dev/null
        is "$(umiak pod inspect --format '{{.State}}' all)" Paused "paused"
        umiak pod unpause all >/dev/null
    fi
    before=$(umiak inspect --format '{{.State.Pid}}' m1)
    umiak stop -t0 m1 m2 >/dev/null
    umiak pod restart all >/dev/null
    [ "$before" != "$(umiak inspect --format '{{.State.Pid}}' m1)" ]
    umiak pod kill all >/dev/null
    umiak wait m1 m2 >/dev/null
    is "$(umiak pod inspect --format '{{.State}}' all)" Exited "killed"
    umiak pod prune -f >/dev/null
    run_umiak 1 pod exists all
}

@test "limits and control group of a pod" {
    skip_rootless "control groups need delegation"
    [ -d /sys/fs/cgroup/memory ] || skip "cgroup v1 is looked at"
    for infra in true false; do
        id=$(umiak pod create --infra=$infra --memory 64m)
        LAST_POD=$id
        group=/sys/fs/cgroup/memory$(umiak pod inspect --format '{{.CgroupPath}}' "$id")
        umiak run -d --pod "$id" --name in $IMAGE sleep 1000 >/dev/null
        is "$(cat "$group/memory.limit_in_bytes")" 67108864 "the limit holds"
        grep -q "$id/libpod-" "/proc/$(umiak inspect --format '{{.State.Pid}}' in)/cgroup"
        umiak pod stop -t0 "$id" >/dev/null
        [ ! -e "$group" ]
        umiak pod start "$id" >/dev/null
        is "$(cat "$group/memory.limit_in_bytes")" 67108864 "and after another start"
        umiak pod rm -f -t0 "$id" >/dev/null
        [ ! -e "$group" ]
    done
}

@test "volumes, devices and restart policy of the pod are its members'" {
    umiak pod create --name gives --restart on-failure -v "$UMIAK_WORK/tmp:/given:ro" >/dev/null
    echo text >"$UMIAK_WORK/tmp/file"
    run_umiak run --rm --pod gives $IMAGE cat /given/file
    is "$output" text "the pod's volume"
    umiak create --name heir --pod gives $IMAGE true >/dev/null
    is "$(umiak inspect --format '{{.HostConfig.RestartPolicy.Name}}' heir)" on-failure "inherited"
    umiak create --name own --restart always --pod gives $IMAGE true >/dev/null
    is "$(umiak inspect --format '{{.HostConfig.RestartPolicy.Name}}' own)" always "its own"
}

@test "what must be said at the pod is refused at its members" {
    umiak pod create --name strict >/dev/null
    run_umiak 125 create --pod strict --network host $IMAGE true || true
    run_umiak 125 create --pod strict -p 8080:80 $IMAGE true
    like "$output" "published or exposed ports must be defined when the pod is created: network cannot be configured when it is shared with a pod" "ports"
    run_umiak 125 create --pod strict --add-host a:1.2.3.4 $IMAGE true
    like "$output" "extra host entries must be specified on the pod" "hosts"
    run_umiak 125 create --pod missing $IMAGE true
    like "$output" "no pod with name or ID missing found: no such pod" "unknown pod"
    run_umiak 125 pod create --infra=false --infra-name x
    like "$output" "cannot set infra-name without an infra container" "infra-name"
    run_umiak 125 pod create --name strict
    like "$output" 'name "strict" is in use: pod already exists' "the name"
    run_umiak pod create --replace --name strict
}

@test "pod-id-file" {
    run_umiak pod create --name filed --pod-id-file "$UMIAK_WORK/tmp/pid"
    is "$(cat "$UMIAK_WORK/tmp/pid")" "$output" "written"
    run_umiak run --rm --pod-id-file "$UMIAK_WORK/tmp/pid" $IMAGE hostname
    is "$output" filed "read by run"
    umiak pod stop --pod-id-file "$UMIAK_WORK/tmp/pid" >/dev/null
    umiak pod rm --pod-id-file "$UMIAK_WORK/tmp/pid" >/dev/null
    [ ! -e "$UMIAK_WORK/tmp/pid" ]
    run_umiak 125 run --rm --pod-id-file "$UMIAK_WORK/tmp/none" $IMAGE true
}

@test "pod ps: columns, filters, sorting" {
    umiak pod create --name pa --label k=v >/dev/null
    umiak pod create --name pb --infra=false >/dev/null
    umiak create --pod pb --name bc $IMAGE true >/dev/null
    run_umiak pod ps --sort name --format '{{.Name}}:{{.NumberOfContainers}}:{{.ContainerNames}}'
    like "${lines[0]}" '^pa:1:[0-9a-f]{12}-infra$' "first"
    is "${lines[1]}" "pb:1:bc" "second"
    run_umiak pod ps -q --filter label=k=v --no-trunc
    is "$output" "$(umiak pod inspect --format '{{.Id}}' pa)" "label"
    run_umiak pod ps --format '{{.Name}}' --filter 'ctr-names=^bc$'
    is "$output" pb "member"
    run_umiak pod ps --format '{{.Name}}' --filter status=created --filter name='^pa'
    is "$output" pa "two filters"
    run_umiak 125 pod ps --filter nonsense=1
    like "$output" "nonsense is an invalid filter" "unknown key"
    run_umiak ps -a --filter pod=pb --format '{{.Names}}'
    is "$output" bc "ps knows the pod by name"
    run_umiak pod ps --format json
    like "$output" '"Name": "pb"' "json"
}

@test "pod clone copies settings and containers" {
    umiak pod create --name first --label k=v --share +pid >/dev/null
    umiak create --pod first --name worker $IMAGE echo worked >/dev/null
    run_umiak pod clone --start first
    run_umiak pod inspect --format '{{.Labels.k}} {{.SharedNamespaces}} {{.NumContainers}}' first-clone
    is "$output" "v [ipc net pid uts] 2" "settings"
    umiak wait worker-clone >/dev/null
    run_umiak logs worker-clone
    is "$output" worked "the container ran"
    run_umiak pod logs -c worker-clone first-clone
    is "$output" worked "pod logs"
}

@test "a killed creation or removal leaves nothing" {
    skip_rootless "the same code"
    for call in 5 15 25 35 45 60; do
        timeout -s KILL "0.0$call" "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" \
            pod create --name killed >/dev/null 2>&1 || true
        umiak pod ps >/dev/null
        if umiak pod exists killed; then
            timeout -s KILL "0.0$call" "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" \
                pod rm -f killed >/dev/null 2>&1 || true
        fi
        umiak pod ps >/dev/null
        umiak pod rm -f killed >/dev/null
        is "$(umiak ps -aq)" "" "no container stays"
        umiak pod create --name killed >/dev/null
        umiak pod rm -f killed >/dev/null
    done
}
