# SPDX-License-Identifier: Apache-2.0
# Pods and what other users of the machine, or their own containers, may try. Each attack has its positive control.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak pod rm -af -t0 >/dev/null; umiak_teardown; }

root_dir() { if rootless; then echo "$UMIAK_WORK/home/.local/share/umiak"; else echo "$UMIAK_WORK/root"; fi; }

@test "N1: records of pods are nobody else's, whatever the umask" {
    (umask 0; umiak pod create --name open >/dev/null)
    is "$(find "$(root_dir)/pods" -perm /o+rwx)" "" "what others could read or write"
    # control: the record is there
    [ -n "$(find "$(root_dir)/pods" -name '*.json')" ]
}

@test "N2: a pod-id-file is not written through what lies there already" {
    ln -s "$UMIAK_WORK/tmp/victim" "$UMIAK_WORK/tmp/link"
    run_umiak 125 pod create --name linked --pod-id-file "$UMIAK_WORK/tmp/link"
    [ ! -e "$UMIAK_WORK/tmp/victim" ]
    rm "$UMIAK_WORK/tmp/link"
    # control
    umiak pod rm -f linked >/dev/null
    run_umiak pod create --name plain --pod-id-file "$UMIAK_WORK/tmp/link"
    is "$(cat "$UMIAK_WORK/tmp/link")" "$output" "a new file"
}

@test "K: a member sees what the pod shares and nothing else of the infra container" {
    umiak pod create --name apart >/dev/null
    umiak run -d --pod apart --name m $IMAGE sleep 1000 >/dev/null
    # its own processes only: the PID namespace is not shared
    is "$(umiak exec m ls /proc | grep -c '^[0-9]')" 2 "processes" || is "$(umiak exec m ls /proc | grep -c '^[0-9]')" 3 "processes"
    run umiak exec m ls /run/podman-init
    [ "$status" != 0 ]
    # control: with a shared one the infra process is there, but its root is not to be had
    umiak pod create --name together --share +pid >/dev/null
    umiak run -d --pod together --name t $IMAGE sleep 1000 >/dev/null
    is "$(umiak exec t cat /proc/1/comm)" podman-init "the pod's first process"
}

@test "K: the infra process has no capability to lend and no way to gain any" {
    umiak pod create --name weak --share +pid >/dev/null
    umiak pod start weak >/dev/null
    infra=$(umiak pod inspect --format '{{.InfraContainerID}}' weak)
    pid=$(umiak inspect --format '{{.State.Pid}}' "$infra")
    is "$(awk '/^Seccomp:/ { print $2 }' "/proc/$pid/status")" 2 "a filter"
    # no capability beyond a container's usual ones
    bounding=$(awk '/^CapBnd:/ { print $2 }' "/proc/$pid/status")
    usual=$(umiak run --rm $IMAGE awk '/^CapBnd:/ { print $2 }' /proc/self/status)
    is "$bounding" "$usual" "bounding set"
    # nothing of the host is in its root but the program itself, and that cannot be written
    run umiak exec "$infra" /bin/sh
    [ "$status" != 0 ]
    run umiak cp "$infra":/run/podman-init - </dev/null
    true
}

@test "D: names with line breaks and format words do not become lines of files" {
    run_umiak 125 pod create --name $'a\nb'
    like "$output" "names must match" "refused"
    run_umiak 125 pod create --name '../x'
    umiak pod create --name host --add-host 'h:1.2.3.4' >/dev/null
    run_umiak 125 pod create --name evil --add-host $'h:1.2.3.4\n6.6.6.6 good.example' || {
        run umiak pod start evil
        [ "$status" != 0 ]
    }
    # control
    run_umiak run --rm --pod host $IMAGE grep -c 1.2.3.4 /etc/hosts
    is "$output" 1 "the line that was asked for"
}

@test "O: a damaged record is one line, and the other pods work" {
    umiak pod create --name good >/dev/null
    id=$(umiak pod create --name bad)
    echo '{"id":' >"$(root_dir)/pods/$id.json"
    run umiak pod ps --format '{{.Name}}'
    is "$status" 0 "exit code"
    like "$output" "$id.json" "the file is named"
    like "$output" good "the other one"
    run_umiak ps -a
    umiak rm -f "$(umiak ps -aq --filter name="${id:0:12}")" >/dev/null   # what is left of it can go
    rm "$(root_dir)/pods/$id.json"
    is "$(umiak pod ps --format '{{.Name}}')" good "the other one alone"
}
