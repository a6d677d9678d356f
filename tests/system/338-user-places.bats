# SPDX-License-Identifier: Apache-2.0
# Where a user's things lie when there is no session, or somebody else's.
load helpers

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    rootless || skip "a user's places"
    [ "$(id -u)" = 0 ] || skip "needs root to show another /run/user"
}
teardown() { umiak_teardown; }

# SCRIPT with `user ARGS...`, in mount namespaces where /run/user is empty; temporary files lie in the test's own directory.
without_session() {
    cat >"$UMIAK_WORK/script" <<EOF
set -e
mount -t tmpfs -o mode=755 none /run/user
user() {
    setpriv --reuid=$(id -u "$UMIAK_TEST_USER") --regid=$(id -g "$UMIAK_TEST_USER") --init-groups env -i PATH="$PATH" \
        HOME="$UMIAK_WORK/home" TMPDIR="$UMIAK_WORK/tmp" \${SESSION:+XDG_RUNTIME_DIR=\$SESSION} "$UMIAK_BUILD/umiak" "\$@"
}
IMAGE=$IMAGE; SESSION=; DIR=/run/user/$(id -u "$UMIAK_TEST_USER")
login() { mkdir -m 700 -p "\$DIR"; chown "$UMIAK_TEST_USER": "\$DIR"; SESSION=\$DIR; }
trap 'SESSION=; user rm -af -t0; user system migrate; SESSION=\$DIR; [ ! -e "\$DIR" ] || user system migrate' EXIT
EOF
    cat >>"$UMIAK_WORK/script"
    umiak system migrate
    run unshare -m --propagation private bash "$UMIAK_WORK/script"
    [ "$status" = 0 ] || { echo "exit $status: $output"; return 1; }
}

@test "containers started without a session are found in a later session, and not started twice" {
    without_session <<'EOF'
user run -d --name svc $IMAGE sleep 600 >/dev/null
login
user ps --format '{{.Names}} {{.State}}'
user exec svc echo inside
user start svc >/dev/null
user rm -f -t0 svc >/dev/null
SESSION=
echo "left: $(user ps -aq)"
EOF
    is "$output" $'svc running\ninside\nleft: ' "one world"
}

@test "XDG_RUNTIME_DIR of another user, or of nobody: another directory is used, and told" {
    without_session <<'EOF'
mkdir -m 700 /run/user/0
SESSION=/run/user/0
user run --rm $IMAGE echo works
SESSION=/run/user/none
user run --rm $IMAGE echo as well
EOF
    like "$output" "XDG_RUNTIME_DIR=/run/user/0 is no directory this user can use: .*umiak-run-" "told"
    like "$output" $'\nworks\n.*XDG_RUNTIME_DIR=/run/user/none.*\nas well' "both run"
}

@test "a full disk: volume create names the file and leaves nothing" {
    without_session <<'EOF'
login
mkdir -p "$UMIAK_WORK/full"
mount -t tmpfs -o mode=1777,size=64k none "$UMIAK_WORK/full"
user --volumepath "$UMIAK_WORK/full" volume create first
dd if=/dev/zero of="$UMIAK_WORK/full/fill" bs=4k 2>/dev/null || true
! user --volumepath "$UMIAK_WORK/full" volume create second
ls "$UMIAK_WORK/full"
EOF
    like "$output" "create volume second: .*/second/.*: No space left on device" "told"
    like "$output" $'\nfill\nfirst$' "nothing is left"
}

@test "no subordinate ids: images with groups run all the same; a user without an id is told why" {
    without_session <<'EOF'
login
: >"$UMIAK_WORK/none"
mount --bind "$UMIAK_WORK/none" /etc/subuid
mount --bind "$UMIAK_WORK/none" /etc/subgid
user run --rm --group-add 7 $IMAGE id -u 2>/dev/null
! user run --rm --user 1000 $IMAGE true
EOF
    like "$output" $'^0\n' "runs"
    like "$output" "user 1000 has no id in the container's user namespace, which has 1: grant more in /etc/subuid" "told"
}

@test "few ids, or a range around the user's own one: what there is is used" {
    without_session <<'EOF'
login
own=$(id -u "$UMIAK_TEST_USER")
printf '%s:300000:10\n' "$UMIAK_TEST_USER" >"$UMIAK_WORK/few"
mount --bind "$UMIAK_WORK/few" /etc/subuid
mount --bind "$UMIAK_WORK/few" /etc/subgid
user run --rm --userns keep-id $IMAGE id -u
user run --rm --group-add 7 --group-add 70 $IMAGE id -G
user system migrate
printf '%s:%d:1000\n' "$UMIAK_TEST_USER" $((own - 1)) >"$UMIAK_WORK/few"
user run --rm $IMAGE sh -c 'while read a b c; do echo $a $((b - '$own')) $c; done </proc/self/uid_map'
EOF
    like "$output" "^$(id -u "$UMIAK_TEST_USER")"$'\n' "keep-id"
    like "$output" $'\n0 7\n' "the group that has no id is left out"
    like "$output" $'0 0 1\n1 -1 1\n2 1 998$' "around the own one"
}
