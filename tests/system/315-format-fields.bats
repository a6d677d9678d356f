# SPDX-License-Identifier: Apache-2.0
# --format: members of Podman's types that documents leave out, that hang below another, or that are counted when asked for.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() {
    umiak pod rm -af -t0 >/dev/null
    umiak_teardown
    umiak volume rm -af >/dev/null
}

@test "pod ps, pod inspect: members, limits that are set and that are not" {
    umiak pod create --name plain --infra=false >/dev/null
    umiak create --pod plain --name member "$IMAGE" true >/dev/null
    is "$(umiak pod ps --format '{{.Name}}:{{range .Containers}}{{.Names}}={{.Status}}={{.RestartCount}} {{end}}')" \
        "plain:member=created=0 " "pod ps"
    is "$(umiak pod inspect plain --format '{{.CPUPeriod}} {{.CPUSetCPUs}}|{{.Mounts}} {{.MemoryLimit}} {{len .SecurityOpts}} {{.Namespace}}|')" \
        "0 |[] 0 0 |" "nothing set"
    run_umiak 125 pod inspect plain --format '{{.NoSuchMember}}'
    like "$output" "can't evaluate field NoSuchMember" "what does not exist"
    umiak pod create --name limited --infra=false --restart always >/dev/null
    is "$(umiak pod inspect limited --format '{{.RestartPolicy}}')" always "a policy"
}

@test "completion of artifact inspect's format" {
    run umiak_complete __completeNoDesc artifact inspect x --format '{{.'
    is "$(grep '{{' <<<"$output")" "{{.Digest}}
{{.Manifest}}
{{.Name}}" "members"
}

@test "completion of pod inspect's format: each member that is offered can be shown" {
    umiak pod create --name p --infra=false >/dev/null
    run umiak_complete __completeNoDesc pod inspect p --format '{{.'
    members=$(grep -o '{{\.[A-Za-z]*' <<<"$output" | cut -c4-)
    like "$members" "CPUPeriod" "members"
    # a pod without infra container has no InfraConfig
    for m in $(grep -vx InfraConfig <<<"$members"); do umiak pod inspect p --format "{{.$m}}" >/dev/null; done
}

@test "ps: namespaces below .Namespaces" {
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    pid=$(umiak inspect --format '{{.State.Pid}}' c)
    is "mnt:[$(umiak ps --ns --format '{{.Namespaces.MNT}}')]" "$(readlink "/proc/$pid/ns/mnt")" "mount namespace"
    is "cgroup:[$(umiak ps --ns --format '{{.CGROUPNS}}')]" "$(readlink "/proc/$pid/ns/cgroup")" "cgroup namespace"
}

@test "stats: time of the sample, bytes of the network" {
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    read -r taken rx system < <(umiak stats --no-stream --format '{{.SystemNano}} {{.NetInput}} {{.CPUSystemNano}}' c)
    [ "$taken" -gt 1700000000000000000 ]
    is "$rx" 0 "received"
    [ "$system" -ge 0 ]
}

@test "volumes: how often one is mounted" {
    umiak volume create plain >/dev/null
    is "$(umiak volume ls --format '{{.Name}} {{.MountCount}} {{.Status}} {{.StorageID}}|')" "plain 0 map[] |" "a directory"
    umiak volume inspect plain | jq -e '.[0].MountCount == 0'
    skip_rootless "mounts"
    umiak volume create -o type=tmpfs -o device=tmpfs kept >/dev/null
    umiak run -d --name c -v kept:/v "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak volume inspect kept --format '{{.MountCount}}')" 1 "in use"
    umiak rm -f -t0 c >/dev/null
    is "$(umiak volume inspect kept --format '{{.MountCount}}')" 0 "not any more"
}

@test "info, events: the usual network, the monitor, health" {
    is "$("$(umiak info --format '{{.Host.Conmon.Path}}')" --version)" "$(umiak info --format '{{.Host.Conmon.Version}}')" "the monitor"
    is "$(umiak info --format '{{.Host.NetworkBackendInfo.DefaultNetwork}}')" podman "default network"
    umiak run -d --name c --network none --health-cmd true --health-interval disable "$IMAGE" sleep 1000 >/dev/null
    umiak healthcheck run c
    is "$(umiak events --stream=false --filter container=c --filter event=health_status \
        --format '{{.HealthStatus}} {{.HealthFailingStreak}} {{.HealthLog}}|' | tail -1)" "healthy 0 |" "health"
}
