# SPDX-License-Identifier: Apache-2.0
# security.bash - loaded by the security files: bundles for the runtime alone, and a canary: a host tree that must be the
# same before and after. "Blocked" only counts where a positive control shows that the attack works without the defence;
# the control is a known-bad runtime when one is installed (CONTROL_RUNTIME), else said in the test.

UMIAK_OCI() { "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" "$@"; }

sec_setup() {
    : "${UMIAK_BUILD:?set it to the build directory}"
    [ "$(id -u)" = 0 ] && [ -z "${UMIAK_ROOTLESS:-}" ] || skip "needs root"
    SEC=$(mktemp -d /tmp/umiak-sec.XXXXXX)
    chmod 755 "$SEC"
    mkdir -p "$SEC/canary/dir" "$SEC/state"
    echo "host file" >"$SEC/canary/file"
    echo "host ptmx" >"$SEC/canary/ptmx"
    BUNDLE=$SEC/bundle
    ROOTFS=$BUNDLE/rootfs
    make_rootfs "$ROOTFS"
    (cd "$BUNDLE" && "$UMIAK_BUILD/umiak-oci" spec)
    edit '.process.terminal = false | .root.readonly = false'
    CANARY=$(canary_state)
    ID=sec$$-$BATS_TEST_NUMBER
}

sec_teardown() {
    [ -n "${SEC:-}" ] || return 0
    [ -z "${RACER:-}" ] || kill "$RACER" 2>/dev/null || true
    UMIAK_OCI delete --force "$ID" >/dev/null 2>&1 || true
    rm -rf --one-file-system "$SEC"
}

make_rootfs() { # DIR: busybox alone
    mkdir -p "$1"/{bin,etc,proc,sys,dev,tmp,run,root,var}
    cp "$(command -v busybox)" "$1/bin/busybox"
    for applet in sh cat echo ls id mkdir mknod stat sleep true readlink env grep head touch kill ps wc dd umount mount; do
        ln -sf busybox "$1/bin/$applet"
    done
    printf 'root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/:/bin/sh\n' >"$1/etc/passwd"
    printf 'root:x:0:\n' >"$1/etc/group"
}

edit() { # JQ-FILTER: changes config.json
    jq "$1" "$BUNDLE/config.json" >"$BUNDLE/config.new"
    mv "$BUNDLE/config.new" "$BUNDLE/config.json"
}

command_is() { # SHELL-TEXT: what the container runs
    jq --arg c "$1" '.process.args = ["/bin/sh", "-c", $c]' "$BUNDLE/config.json" >"$BUNDLE/config.new"
    mv "$BUNDLE/config.new" "$BUNDLE/config.json"
}

run_oci() { # runs the bundle; sets status, output
    run timeout 20 "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" run --bundle "$BUNDLE" "$ID" </dev/null
    case $status in 124|134|139) echo "hangs or crashes ($status): $output"; return 1 ;; esac
    "$UMIAK_BUILD/umiak-oci" --root "$SEC/state" delete --force "$ID" >/dev/null 2>&1 || true
}

# Names, kinds, modes, owners, sizes and contents; no access times.
canary_state() {
    (cd "$SEC" && find canary -printf '%p %y %m %U:%G %s %l\n' | sort && find canary -type f -exec sha256sum {} + | sort)
}

canary_is_clean() {
    local now
    now=$(canary_state)
    [ "$now" = "$CANARY" ] || { echo "the canary changed:"; diff <(echo "$CANARY") <(echo "$now"); return 1; }
}

# Waits until the container that was started in the background runs its program.
wait_running() {
    for _ in $(seq 200); do
        [ "$(UMIAK_OCI state "$ID" 2>/dev/null | jq -r .status 2>/dev/null)" != running ] || return 0
        sleep 0.05
    done
    echo "the container did not start"
    return 1
}

# The known-bad runtime's result, where it is installed: control_run; then look at the canary yourself.
control_run() {
    [ -n "${CONTROL_RUNTIME:-}" ] && command -v "$CONTROL_RUNTIME" >/dev/null || return 1
    mkdir -p "$SEC/control"
    timeout 20 "$CONTROL_RUNTIME" --root "$SEC/control" run --bundle "$BUNDLE" "control-$ID" </dev/null >"$SEC/control.out" 2>&1
    CONTROL_STATUS=$?
    "$CONTROL_RUNTIME" --root "$SEC/control" delete --force "control-$ID" >/dev/null 2>&1
    return 0
}

restore_canary() {
    rm -rf "$SEC/canary"
    mkdir -p "$SEC/canary/dir"
    echo "host file" >"$SEC/canary/file"
    echo "host ptmx" >"$SEC/canary/ptmx"
    CANARY=$(canary_state)
}

# Exchanges two names for ever on another core (renameat2 RENAME_EXCHANGE through python or perl is not needed: the probe).
start_racer() { # NAME1 NAME2
    "$PROBE" exchange "$1" "$2" &
    RACER=$!
}
stop_racer() {
    kill "$RACER" 2>/dev/null || true
    wait "$RACER" 2>/dev/null || true
    RACER=
}

# A small static program with what a shell cannot do; built once per file.
build_probe() {
    export PROBE=$BATS_FILE_TMPDIR/probe
    command -v cc >/dev/null || return 0
    cc -O1 -static -o "$PROBE" "$BATS_TEST_DIRNAME/../lib/probe.c"
}
need_probe() {
    [ -x "$PROBE" ] || skip "needs a C compiler and a static libc"
}
