# SPDX-License-Identifier: Apache-2.0
# Classes H (a container's files looked at from outside), J (names, archives), N (other users of the machine) and O
# (exhaustion) of the security matrix. Every attack has its control: the same thing done by a plain tool works.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    CANARY=$UMIAK_WORK/tmp/canary
    mkdir -p "$CANARY"; echo "the host's secret" >"$CANARY/file"; chmod -R a+rwX "$CANARY"
}
teardown() { umiak_teardown; umiak volume rm -af >/dev/null; rm -rf "${UMIAK_WORK:?}"/tmp/*; }

@test "H2: links and patterns of a container do not lead cp to the host" {
    umiak run --name c --network none "$IMAGE" sh -c "ln -s $CANARY /link; ln -s / /up; ln -s $CANARY/file /direct"
    mkdir "$UMIAK_WORK/tmp/out"; chmod 777 "$UMIAK_WORK/tmp/out"
    run umiak cp c:/link/file "$UMIAK_WORK/tmp/out/a"
    [ "$status" != 0 ]
    run umiak cp "c:/up$CANARY/file" "$UMIAK_WORK/tmp/out/b"
    [ "$status" != 0 ]
    run umiak cp c:/direct "$UMIAK_WORK/tmp/out/d"
    run umiak cp "c:/li*/file" "$UMIAK_WORK/tmp/out/g"   # a name, no pattern
    [ "$status" != 0 ]
    [ -z "$(grep -rl "host's secret" "$UMIAK_WORK/tmp/out")" ] || [ -L "$UMIAK_WORK/tmp/out/d" ]
    echo new >"$UMIAK_WORK/tmp/new"; chmod a+r "$UMIAK_WORK/tmp/new"
    umiak cp "$UMIAK_WORK/tmp/new" c:/link/file || true
    umiak cp "$UMIAK_WORK/tmp/new" c:/direct || true
    is "$(cat "$CANARY/file")" "the host's secret" "nothing is written there"
    # control: a tool that follows finds it
    ln -s "$CANARY" "$UMIAK_WORK/tmp/link"; is "$(cat "$UMIAK_WORK/tmp/link/file")" "the host's secret" "control"
}

@test "H3: a file that becomes a link during volume export, commit, export and diff" {
    umiak run -d --name c --network none -v v:/v "$IMAGE" \
        sh -c "while :; do rm -f /v/f /f; ln -s $CANARY/file /v/f; ln -s $CANARY/file /f; rm -f /v/f /f; echo inside >/v/f; echo inside >/f; done" >/dev/null
    for i in 1 2 3 4 5 6; do
        umiak volume export v >"$UMIAK_WORK/tmp/v.$i" || true
        umiak export c >"$UMIAK_WORK/tmp/c.$i" || true
        umiak diff c >/dev/null || true
    done
    umiak commit -q c localhost/raced:1 >/dev/null || true
    umiak rm -ft0 c >/dev/null
    ! grep -l "host's secret" "$UMIAK_WORK"/tmp/[vc].*
    run umiak run --rm --network none localhost/raced:1 cat /f
    [[ $output != *"host's secret"* ]]
    # control: a tar that follows links takes it along
    mkdir "$UMIAK_WORK/tmp/x"; ln -s "$CANARY/file" "$UMIAK_WORK/tmp/x/f"
    tar -C "$UMIAK_WORK/tmp/x" -chf - . | grep -q "host's secret"
}

@test "H6: a log that was exchanged for a link is not read" {
    mkdir "$UMIAK_WORK/tmp/logs"; chmod 777 "$UMIAK_WORK/tmp/logs"
    umiak run -d --name c --network none --log-driver k8s-file --log-opt "path=$UMIAK_WORK/tmp/logs/log" -v "$UMIAK_WORK/tmp/logs:/logs" "$IMAGE" \
        sh -c "echo mine; sleep 1000" >/dev/null
    for _ in $(seq 100); do run umiak logs c; [ "$output" != mine ] || break; sleep 0.1; done
    is "$output" mine "control: the log"
    printf '2026-01-01T00:00:00.000000000+00:00 stdout F %s\n' "the host's secret" >"$CANARY/log"; chmod a+r "$CANARY/log"
    umiak exec c sh -c "rm /logs/log; ln -s $CANARY/log /logs/log"
    run umiak logs c
    [[ $output != *"host's secret"* ]]
}

@test "J3: names are no paths" {
    echo secret >"$UMIAK_WORK/tmp/s"; chmod a+r "$UMIAK_WORK/tmp/s"
    for name in ../evil a/evil /evil .evil $'evil\nx' 'evil x' -- ..; do
        [ "$name" != -- ] || continue
        run umiak volume create -- "$name"; [ "$status" = 125 ]
        # secrets lie under ids: only what looks like a path is refused
        [[ $name != */* ]] || { run umiak secret create -- "$name" "$UMIAK_WORK/tmp/s"; [ "$status" = 125 ]; }
        # a leading slash is no part of a name, as Docker has it
        [[ $name = /* ]] || { run umiak create --name "$name" "$IMAGE" true; [ "$status" = 125 ]; }
        run umiak pod create --infra=false --name "$name"; [ "$status" = 125 ]
    done
    is "$(umiak volume ls -q)$(umiak secret ls -q)$(umiak ps -aq)$(umiak pod ps -q)" "" "nothing was made"
    run_umiak volume create evil.good-1_   # control
}

@test "N1: the store is nobody else's, whatever the umask" {
    (umask 0; umiak volume create v >/dev/null; umiak run --name c --network none "$IMAGE" true; echo x | umiak secret create s - >/dev/null)
    root=$UMIAK_WORK/root
    rootless && root=$UMIAK_WORK/home/.local/share/umiak
    is "$(find "$root" -maxdepth 2 -perm /o+w ! -type l)" "" "nothing others may write"
    is "$(find "$root" -maxdepth 0 -perm /o+rw)" "" "the top is not listed by others"
    is "$(find "$root" -path '*secret*' -type f -perm /o+rwx)" "" "secrets"
    [ "$(id -u)" != 0 ] || ! setpriv --reuid=65534 --regid=65534 --clear-groups ls "$root" 2>/dev/null
    mkdir -m 755 "$UMIAK_WORK/tmp/open"   # control: it is not the way there that stops them
    [ "$(id -u)" != 0 ] || setpriv --reuid=65534 --regid=65534 --clear-groups ls "$UMIAK_WORK/tmp/open"
    umiak secret rm s >/dev/null
}

@test "N4: a run-time directory somebody else made in our place is refused" {
    rootless || skip "root's is fixed"
    [ "$(id -u)" = 0 ] || skip "wants another user"
    t=$UMIAK_WORK/tmp/t; mkdir -m 1777 "$t"; mkdir -m 755 "$UMIAK_WORK/tmp/home"; chown 54321 "$UMIAK_WORK/tmp/home"
    other() { # a user without /run/user/UID
        run setpriv --reuid=54321 --regid=54321 --clear-groups env -u XDG_RUNTIME_DIR TMPDIR="$t" HOME="$UMIAK_WORK/tmp/home" "$UMIAK_BUILD/umiak" ps
    }
    mkdir -m 777 "$t/umiak-run-54321"
    other
    is "$status" 125 "another's directory"
    like "$output" "run-time directory $t/umiak-run-54321 belongs to somebody else" "is said"
    is "$(ls -A "$t/umiak-run-54321")" "" "nothing is put there"
    rmdir "$t/umiak-run-54321"; ln -s "$UMIAK_WORK/tmp/home" "$t/umiak-run-54321"
    other
    like "$output" "belongs to somebody else" "a link"
    rm "$t/umiak-run-54321"
    other   # control: made by ourselves
    [[ $output != *"belongs to somebody else"* ]]
    is "$(stat -c %u:%a "$t/umiak-run-54321")" "54321:700" "private"
}

@test "O2: passwd and group as FIFO, directory, endless file: no hang" {
    r=$UMIAK_WORK/tmp/r; mkdir -p "$r/bin" "$r/etc"; cp "$(command -v busybox)" "$r/bin/busybox"
    for kind in fifo directory zero loop; do
        rm -rf "$r/etc/passwd" "$r/etc/group"
        case $kind in
            fifo) mkfifo -m 666 "$r/etc/passwd" "$r/etc/group" ;;
            directory) mkdir "$r/etc/passwd" "$r/etc/group" ;;
            zero) ln -s /dev/zero "$r/etc/passwd"; ln -s /dev/zero "$r/etc/group" ;;
            loop) ln -s passwd "$r/etc/passwd"; ln -s group "$r/etc/group" ;;
        esac
        chmod -R a+rwX "$r" 2>/dev/null || true
        run timeout 60 bash -c "$(declare -f umiak); umiak run --rm --network none --user me:them --rootfs '$r:O' /bin/busybox true"
        [ "$status" != 124 ] && [ "$status" != 139 ] && [ "$status" != 134 ]
        [ "$status" != 0 ]
        run timeout 60 bash -c "$(declare -f umiak); umiak run --rm --network none --user 7:8 --rootfs '$r:O' /bin/busybox true"
        [ "$status" != 124 ] && [ "$status" != 139 ] && [ "$status" != 134 ]
    done
    rm -rf "$r/etc/passwd"; mkfifo "$r/etc/passwd"   # control: who just opens it waits
    run timeout 0.5 cat "$r/etc/passwd"
    is "$status" 124 "control"
}

@test "O4: a container that talks does not fill the disk" {
    umiak run --name c --network none --log-driver k8s-file --log-opt max-size=20k "$IMAGE" sh -c 'yes abcdefghij | head -c 400000' >/dev/null
    log=$(umiak inspect -f '{{.HostConfig.LogConfig.Path}}' c)
    [ "$(du -bc "$log"* | tail -n1 | cut -f1)" -lt 100000 ]
    umiak run --name d --network none --log-driver k8s-file "$IMAGE" sh -c 'yes abcdefghij | head -c 400000' >/dev/null   # control
    [ "$(stat -c %s "$(umiak inspect -f '{{.HostConfig.LogConfig.Path}}' d)")" -gt 400000 ]
}
