# SPDX-License-Identifier: Apache-2.0
# volumes of plugins behind sockets ([engine.volume_plugins]), and what a plugin may do wrong.

load helpers
setup_file() {
    umiak_setup_file
    export PLUGIN_DIR=$UMIAK_WORK/plugin CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/plugins.conf
    mkdir "$PLUGIN_DIR"
    cat >"$CONTAINERS_CONF_OVERRIDE" <<C
[engine]
volume_plugin_timeout = 30
[engine.volume_plugins]
fake = "$PLUGIN_DIR/sock"
other = "$PLUGIN_DIR/nosuch.sock"
plain = "$CONTAINERS_CONF_OVERRIDE"
C
    chmod 755 "$PLUGIN_DIR"; chmod 644 "$CONTAINERS_CONF_OVERRIDE"
}
setup() {
    "$BATS_TEST_DIRNAME/../lib/volume-plugin" "$PLUGIN_DIR/sock" "$PLUGIN_DIR" 3>&- </dev/null >"$PLUGIN_DIR/out" 2>&1 &
    plugin=$!
    for _ in $(seq 200); do [ ! -S "$PLUGIN_DIR/sock" ] || break; sleep 0.05; done
    : >"$PLUGIN_DIR/log"
}
teardown() {
    umiak rm -af -t0 >/dev/null
    umiak volume rm -af >/dev/null || true
    umiak_teardown
    rm -rf "${PLUGIN_DIR:?}"/*
}
teardown_file() { umiak_teardown_file; }

calls() { awk -v c="$1" '$1 == c' "$PLUGIN_DIR/log" | wc -l; }

@test "volume plugin: create, use by several containers, remove" {
    run_umiak volume create -d fake -o size=1 -o kind=fast v
    is "$output" v "the name"
    grep -F 'Create v  {"size": "1", "kind": "fast"}' "$PLUGIN_DIR/log"
    run_umiak volume inspect -f '{{.Driver}}|{{.Mountpoint}}|{{.Options}}' v
    is "$output" "fake||map[kind:fast size:1]" "not mounted yet"
    run_umiak volume ls --filter driver=fake -q
    is "$output" v "listed"
    run_umiak run --rm -v v:/v "$IMAGE" sh -c 'echo hello >/v/f'
    is "$(cat "$PLUGIN_DIR/v/f")" hello "written where the plugin said"
    is "$(calls Mount) $(calls Unmount)" "1 1" "mounted and unmounted"
    run_umiak run -d --name c1 -v v:/v "$IMAGE" sleep 100
    run_umiak run --rm -v v:/v "$IMAGE" cat /v/f
    is "$output" hello "shared"
    is "$(calls Mount) $(calls Unmount)" "2 1" "one mount for both"
    run_umiak inspect -f '{{range .Mounts}}{{.Driver}} {{.Source}}{{end}}' c1
    is "$output" "fake $PLUGIN_DIR/v" "where"
    run_umiak 2 volume rm v
    run_umiak rm -f -t0 c1
    is "$(calls Mount) $(calls Unmount)" "2 2" "the last one"
    is "$(awk '$1 == "Mount" || $1 == "Unmount" { print $3 }' "$PLUGIN_DIR/log" | sort -u | wc -l)" 1 "one id"
    run_umiak volume export v -o "$UMIAK_WORK/tmp/v.tar"
    like "$(tar -tf "$UMIAK_WORK/tmp/v.tar")" "f" "mounted for the export"
    is "$(calls Mount) $(calls Unmount)" "3 3" "and unmounted"
    run_umiak volume rm v
    is "$(calls Remove)" 1 "removed there"
    run_umiak 1 volume exists v
}

@test "volume plugin: a volume the plugin has already is taken; reload" {
    run_umiak volume create -d fake here
    run_umiak volume create local
    python3 - "$PLUGIN_DIR/sock" <<'P'
import http.client, socket, sys
def call(what, body):
    c = http.client.HTTPConnection("x")
    c.sock = socket.socket(socket.AF_UNIX); c.sock.connect(sys.argv[1])
    c.request("POST", "/VolumeDriver." + what, body); c.getresponse().read()
call("Create", '{"Name": "elsewhere"}'); call("Create", '{"Name": "twice"}'); call("Remove", '{"Name": "here"}')
P
    run_umiak volume create -d fake twice
    is "$(grep -c '^Create twice' "$PLUGIN_DIR/log")" 1 "not made a second time"
    run_umiak 125 volume reload
    like "$output" "Added:
elsewhere
Removed:
here" "what has changed"
    like "$output" 'cannot access plugin other socket "'"$PLUGIN_DIR"'/nosuch.sock": No such file' "a plugin that is down"
    run_umiak volume ls -q
    is "$output" "elsewhere
local
twice" "what is known now"
    run_umiak 125 volume reload
    [[ $output != *Added* && $output != *Removed* ]]
}

@test "volume plugin: what goes wrong has its sentence" {
    run_umiak 125 volume create -d nosuch v
    is "$output" "Error: no volume plugin with name nosuch available: required plugin missing" "unknown"
    run_umiak 125 volume create -d other v
    like "$output" 'cannot access plugin other socket "' "no socket"
    run_umiak 125 volume create -d plain v
    like "$output" "is not a unix socket: target does not appear to be a valid plugin" "a file"
    run_umiak 125 volume create -d fake refused
    like "$output" 'creating volume "refused" in plugin fake: on /VolumeDriver.Create in volume plugin fake: it is refused' "its words"
    sed 's/timeout = 30/timeout = 1/' "$CONTAINERS_CONF_OVERRIDE" >"$UMIAK_WORK/short.conf"; chmod 644 "$UMIAK_WORK/short.conf"
    CONTAINERS_CONF_OVERRIDE=$UMIAK_WORK/short.conf run_umiak 125 volume create -d fake silent
    like "$output" "no answer in time" "silence has an end"
    run_umiak 125 volume create -d fake garbage
    like "$output" "volume plugin fake: fake:1:2" "no JSON"
    run_umiak volume ls -q
    is "$output" "" "nothing is recorded"
    run_umiak volume create -d fake kept
    run_umiak 125 volume rm kept
    like "$output" "volume kept could not be removed from plugin fake: .*: it is kept" "it refuses"
    run_umiak volume create -d fake v
    kill "$plugin"; wait "$plugin" || true
    run_umiak 125 run --rm -v v:/v "$IMAGE" true
    like "$output" "mounting volume v: connect to plugin fake" "it is down"
    run_umiak 125 volume rm v
    like "$output" "cannot remove volume v from plugin fake, but it has been removed from Podman: required plugin missing" "gone"
    run_umiak 1 volume exists v
}
