# SPDX-License-Identifier: Apache-2.0
# helpers.bash - loaded by every test/system file: `load helpers`, then in setup/teardown call umiak_setup / umiak_teardown.
#
# UMIAK_BUILD     the build directory (tools/check sets it)
# UMIAK_ROOTLESS  non-empty: run umiak as UMIAK_TEST_USER instead of root
# As root, everything that may touch networks runs in a network namespace of the test file (see umiak()): tests never
# change the host's interfaces and rules. netns_exec COMMAND... runs something there as well.
# Each test gets a private --root/--runroot below BATS_FILE_TMPDIR with $IMAGE loaded; containers are removed after it.

IMAGE=localhost/umiak/test:1

umiak_setup_file() {
    : "${UMIAK_BUILD:?set it to the build directory}"
    export UMIAK_WORK
    UMIAK_WORK=$(mktemp -d /tmp/umiak-test.XXXXXX)
    chmod 755 "$UMIAK_WORK"
    mkdir "$UMIAK_WORK/home" "$UMIAK_WORK/xdg" "$UMIAK_WORK/tmp"
    chmod 700 "$UMIAK_WORK/xdg"
    "$BATS_TEST_DIRNAME/../lib/make-image" "$UMIAK_WORK/layout" latest
    tar -C "$UMIAK_WORK/layout" -cf "$UMIAK_WORK/image.tar" .
    chmod -R a+rX "$UMIAK_WORK/layout" "$UMIAK_WORK/image.tar"
    [ -z "${UMIAK_ROOTLESS:-}" ] || chown -R "$UMIAK_TEST_USER": "$UMIAK_WORK/home" "$UMIAK_WORK/xdg" "$UMIAK_WORK/tmp"
    if [ -z "${UMIAK_ROOTLESS:-}" ]; then
        touch "$UMIAK_WORK/netns"
        unshare --net="$UMIAK_WORK/netns" ip link set lo up
    else
        umiak_setup_user_net
    fi
    umiak load -q -i "$UMIAK_WORK/image.tar"
    umiak tag "$(umiak images -q | head -1)" "$IMAGE"
}

# A user's containers have no network in tests that are not about networks: pasta costs each of them time, and the device
# it needs is often for root only. Files with UMIAK_NET=1 get namespaces with all that (tests/lib/user-net), where we are root.
umiak_setup_user_net() {
    if [ -z "${UMIAK_NET:-}" ]; then
        mkdir -p "$UMIAK_WORK/home/.config/containers"
        printf '[containers]\nnetns = "none"\n' >"$UMIAK_WORK/home/.config/containers/containers.conf"
        chown -R "$UMIAK_TEST_USER": "$UMIAK_WORK/home/.config"
        return
    fi
    [ "$(id -u)" = 0 ] || return 0
    "$BATS_TEST_DIRNAME/../lib/user-net" "$UMIAK_WORK" 3>&- 4>&- </dev/null >"$UMIAK_WORK/user-net.log" 2>&1 &
    # before the first umiak: the user's pause process keeps the mount namespace it was started in
    for _ in $(seq 1200); do [ ! -e "$UMIAK_WORK/user-net.pid" ] || return 0; sleep 0.05; done
    cat "$UMIAK_WORK/user-net.log"
    return 1
}

# In the uplink's other end: a host far away.
peer_exec() { nsenter -t "$(cat "$UMIAK_WORK/peer.pid")" -n -- "$@"; }

# For files that talk to a registry on the host's loopback and make no networks: no namespace of their own from now on.
umiak_on_host_network() { [ ! -e "$UMIAK_WORK/netns" ] || { umount "$UMIAK_WORK/netns"; rm "$UMIAK_WORK/netns"; }; }

umiak_teardown_file() {
    umiak system reset --force || true
    [ ! -e "$UMIAK_WORK/netns" ] || umount "$UMIAK_WORK/netns"
    [ ! -e "$UMIAK_WORK/user-net.pid" ] || kill "$(cat "$UMIAK_WORK/user-net.pid")" "$(cat "$UMIAK_WORK/peer.pid")" || true
    rm -rf "$UMIAK_WORK"
}

# Runs umiak as root or as the test user, always with the private directories.
umiak() {
    if [ -n "${UMIAK_ROOTLESS:-}" ] && [ "$(id -u)" = 0 ]; then
        local around=()
        [ ! -e "$UMIAK_WORK/user-net.pid" ] || around=(nsenter -t "$(cat "$UMIAK_WORK/user-net.pid")" -m -n --)
        "${around[@]}" setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups \
            env HOME="$UMIAK_WORK/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/xdg" \
            "$UMIAK_BUILD/umiak" "$@"
    else
        local inside=(nsenter --net="$UMIAK_WORK/netns" --)
        # those that talk to registries, which the tests start beside it
        case ${1:-} in pull|push|login|logout|search|manifest|image|artifact) inside=() ;; esac
        [ -e "$UMIAK_WORK/netns" ] || inside=()
        "${inside[@]}" "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" \
            --network-config-dir "$UMIAK_WORK/networks" "$@"
    fi
}

netns_exec() {
    if [ -e "$UMIAK_WORK/netns" ]; then nsenter --net="$UMIAK_WORK/netns" -- "$@"
    elif [ -e "$UMIAK_WORK/user-net.pid" ]; then nsenter -t "$(cat "$UMIAK_WORK/user-net.pid")" -m -n -- "$@"
    else "$@"; fi
}

# In setup, for tests of a user's network.
skip_without_pasta() {
    command -v pasta >/dev/null || skip "pasta (package passt) is not installed"
    netns_exec setpriv --reuid="$UMIAK_TEST_USER" --clear-groups test -w /dev/net/tun || skip "no /dev/net/tun for the user can be made here"
}

# __complete must be the first word; the private directories follow it.
umiak_complete() {
    local word=$1; shift
    if [ -n "${UMIAK_ROOTLESS:-}" ]; then umiak "$word" "$@"; return; fi
    "$UMIAK_BUILD/umiak" "$word" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" "$@"
}

# run_umiak [CODE] ARGS...: as bats' run, and checks the exit code (default 0).
run_umiak() {
    local want=0
    if [[ $1 =~ ^[0-9]+$ ]]; then want=$1; shift; fi
    run umiak "$@"
    if [ "$status" != "$want" ]; then
        echo "umiak $*: exit $status, expected $want"; echo "$output"
        return 1
    fi
}

is() { # ACTUAL EXPECTED MESSAGE: equal strings
    [ "$1" = "$2" ] || { printf '%s\n  expected: %q\n  actual:   %q\n' "$3" "$2" "$1"; return 1; }
}

like() { # ACTUAL REGEX MESSAGE
    [[ $1 =~ $2 ]] || { printf '%s\n  expected match: %s\n  actual:         %s\n' "$3" "$2" "$1"; return 1; }
}

# What the test left in the background, with everything it started: bats waits for whoever holds its descriptors.
end_jobs() {
    local p
    for p in $(jobs -p); do end_tree "$p"; done
}
end_tree() { # PID
    local child
    for child in $(cat "/proc/$1/task/$1/children" 2>/dev/null); do end_tree "$child"; done
    kill "$1" 2>/dev/null || true
}

umiak_teardown() {
    end_jobs
    umiak rm -af -t0 >/dev/null
    # nothing of ours may stay mounted or running
    ! grep -F "$UMIAK_WORK/root/containers" /proc/self/mountinfo
}

rootless() { [ -n "${UMIAK_ROOTLESS:-}" ]; }
skip_rootless() { if rootless; then skip "${1:-needs root}"; fi; }
