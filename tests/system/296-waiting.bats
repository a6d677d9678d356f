# SPDX-License-Identifier: Apache-2.0
# Who only looks waits for nobody; nobody copies an image for the sake of ids; what prune leaves and what it takes.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() { T=$UMIAK_WORK/tmp; }
teardown() {
    end_jobs
    umiak pod rm -af -t0 >/dev/null
    umiak_teardown
    umiak volume rm -af >/dev/null; umiak secret rm -a >/dev/null; umiak network prune -f >/dev/null; rm -rf "${T:?}"/*
}

@test "everything that looks answers while every lock and a transaction on every database is held" {
    umiak pod create --name p --network none >/dev/null
    umiak run -d --name c --pod p -v v:/v "$IMAGE" sh -c 'echo said; exec sleep 1000' >/dev/null
    umiak create --name d --network none "$IMAGE" true >/dev/null
    umiak exec c true; umiak network create n >/dev/null; echo x | umiak secret create s - >/dev/null
    umiak commit -q d localhost/made:1 >/dev/null; umiak rmi localhost/made:1 >/dev/null
    umiak update --memory 100m d >/dev/null 2>&1 || true
    for _ in $(seq 100); do [ "$(umiak logs c)" != said ] || break; sleep 0.1; done
    dirs=("$UMIAK_WORK/root" "$UMIAK_WORK/run" "$UMIAK_WORK/networks")
    ! rootless || dirs=("$UMIAK_WORK/home/.local/share" "$UMIAK_WORK/xdg")
    "$BATS_TEST_DIRNAME/../lib/hold-locks" "$T/ready" "${dirs[@]}" 3>&- 4>&- &
    holder=$!
    for _ in $(seq 100); do [ ! -e "$T/ready" ] || break; sleep 0.1; done
    read -r files bases <"$T/ready"
    [ "$files" -ge 5 ] && [ "$bases" -ge 2 ]
    # control: who changes something waits
    run timeout 3 bash -c "$(declare -f umiak rootless); umiak rename d e"
    is "$status" 124 "control: rename"
    while read -r command; do
        # shellcheck disable=SC2086
        run timeout 30 bash -c "$(declare -f umiak rootless); umiak $command"
        is "$status" 0 "$command: $output"
    done <<'EOF'
ps
ps -a --size --pod
ps --ns
pod ps
pod inspect p
pod stats --no-stream p
pod top p
container exists c
inspect c d
inspect v n localhost/umiak/test:1
images -a
image inspect localhost/umiak/test:1
image tree localhost/umiak/test:1
image exists localhost/umiak/test:1
history localhost/umiak/test:1
logs c
stats --no-stream --no-reset
top c
port -a
diff d
volume ls
volume inspect v
network ls
network inspect n
secret ls
secret inspect s
info
version
system df
events --stream=false
EOF
    is "$(umiak logs c)" said "the log"
    is "$(umiak ps -aq | wc -l)" 3 "all are listed"
    kill "$holder"; wait "$holder" || true
    run_umiak rename d e
}

@test "system prune: networks, too; working containers with --build; --external is leftovers alone" {
    ln -s "$UMIAK_BUILD/umiak" "$T/buildah"
    buildah() { UMIAK_BUILD=$T/b umiak "$@"; }
    mkdir "$T/b"; ln -s "$UMIAK_BUILD/umiak" "$T/b/umiak"; rm "$T/b/umiak"
    printf '#!/bin/sh\nexec "%s" "$@"\n' "$T/buildah" >"$T/b/umiak"; chmod 755 "$T/b/umiak"; chmod a+rx "$T" "$T/b"
    work=$(buildah from --pull=never "$IMAGE")
    umiak network create mine >/dev/null
    umiak run --name c --network none "$IMAGE" true
    run_umiak 125 system prune -f --external --all
    is "$output" "Error: system prune --external cannot be combined with other options" "combined"
    run_umiak system prune --external
    run_umiak container exists c
    run_umiak network exists mine
    run_umiak system prune -f
    like "$output" $'Deleted Networks\nmine' "networks"
    run_umiak 1 container exists c
    run_umiak 1 network exists mine
    is "$(umiak ps -a --external --format '{{.Names}}')" "$work" "the working container stays"
    run_umiak system prune -f --build
    is "$(umiak ps -aq --external)" "" "and goes"
    run_umiak network exists podman
}

# Files of images and copies of them that were touched (content, owner, links) since the mark.
touched() {
    local top=$UMIAK_WORK/root
    ! rootless || top=$UMIAK_WORK/home/.local/share/umiak
    find "$top/layers" "$top/mapped" -type f -cnewer "$T/mark" 2>/dev/null | wc -l
}
mark() { # and a moment later in the file system's clock
    touch "$T/mark"
    until touch "$T/after"; [ "$T/after" -nt "$T/mark" ]; do sleep 0.01; done
}

@test "user namespaces: no file of an image changes its owner or is copied twice" {
    mkdir -p "$T/ctx"; for i in $(seq 50); do echo "$i" >"$T/ctx/f$i"; done
    printf 'FROM %s\nCOPY . /many\n' "$IMAGE" >"$T/ctx/Containerfile"; chmod -R a+rX "$T/ctx"
    umiak build -q -t localhost/many:1 "$T/ctx" >/dev/null
    for map in --userns=keep-id "--userns=auto:size=1000" "--uidmap=0:1:1000 --gidmap=0:1:1000"; do
        if ! rootless; then
            [ "$map" != --userns=keep-id ] || map="--userns=keep-id:uid=7,gid=7"
            map=${map//0:1:/0:400000:}
            [[ $map != *auto* ]] || grep -q '^containers:' /etc/subuid || map=--uidmap=0:500000:2000
        fi
        mark
        # shellcheck disable=SC2086
        is "$(umiak run --rm --network none $map localhost/many:1 cat /many/f50)" 50 "$map"
        first=$(touched)
        # a user's kernel maps no file systems: one copy, then never again
        if rootless; then [ "$first" -ge 50 ] && [ "$first" -lt 200 ]; else is "$first" 0 "$map: first"; fi
        mark
        for _ in 1 2; do
            # shellcheck disable=SC2086
            umiak run --rm --network none $map localhost/many:1 true
        done
        is "$(touched)" 0 "$map: again"
    done
    # control: a file that is touched is counted
    mark; find "$UMIAK_WORK/root/layers" "$UMIAK_WORK/home/.local/share/umiak/layers" -name f50 -exec chmod a+r {} + 2>/dev/null || true
    [ "$(touched)" -ge 1 ]
    umiak rmi -f localhost/many:1 >/dev/null
}
