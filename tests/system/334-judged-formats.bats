# SPDX-License-Identifier: Apache-2.0
# Numbers and places that scripts read: stats by interface, df, info and inspect of stores with and without overlay.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }

@test "stats: counters of each interface" {
    skip_rootless "adds an interface"
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    is "$(umiak stats --no-stream --format '{{json .Network}}' c)" "{}" "lo alone"
    pid=$(umiak inspect --format '{{.State.Pid}}' c)
    nsenter -n -t "$pid" ip link add v0 type veth peer name v1
    is "$(umiak stats --no-stream --format '{{range $k, $v := .Network}}{{$k}}={{$v.RxErrors}}/{{$v.TxDropped}} {{end}}' c)" \
        "v0=0/0 v1=0/0 " "by name"
    is "$(umiak stats --no-stream --format '{{json .Network}}' c | jq -r '.v0 | keys | join(" ")')" \
        "RxBytes RxDropped RxErrors RxPackets TxBytes TxDropped TxErrors TxPackets" "names"
}

@test "stats, info, inspect, events: members that are empty here are no errors" {
    umiak run -d --name c --network none --health-cmd true --health-interval disable "$IMAGE" sleep 1000 >/dev/null
    like "$(umiak stats --no-stream --format '{{.PerCPU}}|' c)" '^\[[0-9 ]*\]\|$' "per CPU"
    is "$(umiak info --format '{{.Host.FreeLocks}} {{.Host.RuntimeInfo}}')" "<nil> map[]" "info"
    is "$(umiak inspect --format '{{.State.CheckpointLog}}{{.State.CheckpointPath}}{{.State.RestoreLog}}|{{.Config.Healthcheck.StartInterval}}|{{.NetworkSettings.SecondaryIPAddresses}}{{.NetworkSettings.AdditionalMacAddresses}}' c)" \
        "|0s|[][]" "inspect"
    is "$(umiak events --stream=false --filter container=c --filter event=start --format '{{.ToJSONString}}' | tail -1 | jq -r .Name)" c "events"
}

@test "inspect: where the root file system of a container lies" {
    umiak run -d --name c --network none "$IMAGE" sleep 1000 >/dev/null
    [ "$(umiak info --format '{{.Store.GraphDriverName}}')" = overlay ] || skip "no overlay here"
    umiak exec c sh -c 'echo here >/mark'
    is "$(umiak inspect --format '{{.Driver}} {{.GraphDriver.Name}}' c)" "overlay overlay" "driver"
    upper=$(umiak inspect --format '{{.GraphDriver.Data.UpperDir}}' c)
    merged=$(umiak inspect --format '{{.GraphDriver.Data.MergedDir}}' c)
    is "$(umiak unshare cat "$upper/mark" 2>/dev/null || cat "$upper/mark")" here "what it wrote"
    if ! rootless; then
        is "$(cat "$merged/mark")" here "its root"
        [ -d "$(umiak inspect --format '{{.GraphDriver.Data.LowerDir}}' c | cut -d: -f1)" ]
    fi
    umiak rm -f -t0 c >/dev/null
    umiak create --name d "$IMAGE" true >/dev/null
    is "$(umiak inspect --format '{{.GraphDriver.Data.MergedDir}}' d)" "<no value>" "not mounted"
}

@test "info, inspect: a store where overlay cannot be mounted" {
    skip_rootless "root mounts the overlay"
    w=$UMIAK_WORK/ov
    mkdir -p "$w/l" "$w/u" "$w/w" "$w/m"
    umiak save -q -o "$w/image.tar" "$IMAGE"
    run unshare -m --propagation private bash -c 'm=$1 image=$2; shift 2
        mount -t overlay overlay -o "lowerdir=$m/l,upperdir=$m/u,workdir=$m/w" "$m/m" || { echo "no overlay"; exit; }
        "$@" load -q -i "$m/image.tar" >/dev/null
        "$@" info --format "{{.Store.GraphDriverName}}"
        ls "$m/m/root/staging"
        id=$("$@" create --network none "$image" true) && "$@" start -a "$id" >/dev/null
        "$@" inspect --format "{{.Driver}} {{.GraphDriver.Name}} {{.GraphDriver.Data}}" "$id"' \
        bash "$w" "$IMAGE" "$UMIAK_BUILD/umiak" --root "$w/m/root" --runroot "$w/m/run"
    rm -rf "$w"
    is "$status" 0 "$output"
    [ "$output" != "no overlay" ] || skip "no overlay on this file system"
    is "$output" "vfs
vfs vfs map[]" "what is true"
    is "$(umiak --storage-driver vfs --root "$UMIAK_WORK/vfs" info --format '{{.Store.GraphDriverName}}')" vfs "asked for"
}

@test "system df: reclaimable counts what images in use share with others" {
    umiak create --name c "$IMAGE" true >/dev/null
    is "$(umiak system df --format '{{.Reclaimable}}' | head -1)" "0B (0%)" "the only image is in use"
    umiak commit -q c localhost/more >/dev/null
    like "$(umiak system df --format '{{.Reclaimable}}' | head -1)" "\(100%\)" "its layers belong to two"
    umiak rmi localhost/more >/dev/null
    is "$(umiak system df --format '{{.Reclaimable}}' | head -1)" "0B (0%)" "and to one again"
}
