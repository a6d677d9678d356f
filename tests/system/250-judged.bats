# SPDX-License-Identifier: Apache-2.0
# What Podman's users notice of containers at the edges: names, states, words of errors, working containers, mounts.
load helpers
load ../lib/buildah

teardown() {
    buildah rm --all >/dev/null
    umiak_teardown
}

@test "working containers are external ones" {
    buildah from --name work "$IMAGE" >/dev/null
    umiak create --name plain "$IMAGE" true >/dev/null
    is "$(umiak ps -a --format '{{.Names}}')" plain "ps -a"
    is "$(umiak ps --external --format '{{.Names}} {{.Command}} {{.Status}}')" "work buildah Storage" "ps --external"
    run_umiak 1 container exists work
    run_umiak container exists --external work
    run_umiak 125 create --name work "$IMAGE" true
    like "$output" "that name is already in use by an external entity, or use --replace" "a taken name"
    run_umiak 125 create --name plain "$IMAGE" true
    like "$output" "that name is already in use, or use --replace" "a container's name"
    run_umiak rm -a
    run_umiak container exists --external work
    run_umiak system prune -f
    run_umiak container exists --external work
    buildah rm work
    run_umiak 1 container exists --external work
}

@test "image prune --external takes working containers of unnamed images along" {
    umiak create --name c "$IMAGE" sh -c 'echo 1 >/one' >/dev/null
    id=$(umiak commit -q c)
    umiak rm c
    buildah from --name of-unnamed "$id" >/dev/null
    buildah from --name of-named "$IMAGE" >/dev/null
    run_umiak image prune -f
    is "$output" "" "in use"
    run_umiak image prune -f --external
    is "$output" "$id" "removed"
    run_umiak 1 container exists --external of-unnamed
    run_umiak container exists --external of-named
}

@test "a start that is overtaken is told as that" {
    # whoever comes first: never an error of the runtime, never a lost container
    for i in 1 2 3 4 5 6; do
        umiak run -d --name race "$IMAGE" sleep 1000 >"$BATS_TEST_TMPDIR/start" 2>&1 &
        starter=$!
        while kill -0 $starter 2>/dev/null; do umiak rm -f -t0 --ignore race >/dev/null 2>"$BATS_TEST_TMPDIR/rm"; done
        wait $starter || like "$(cat "$BATS_TEST_TMPDIR/start")" "container state improper|no such container" "the reason"
        if grep "OCI runtime" "$BATS_TEST_TMPDIR/start"; then return 1; fi
        umiak rm -f -t0 --ignore race >/dev/null
    done
}

@test "mounts: binds need a destination, images may be written to, globs never meet" {
    mkdir -p "$UMIAK_WORK/tmp/a" "$UMIAK_WORK/tmp/b"
    touch "$UMIAK_WORK/tmp/a/same" "$UMIAK_WORK/tmp/b/same"
    chmod -R a+rX "$UMIAK_WORK/tmp"
    run_umiak 125 run --rm --mount "type=bind,source=$UMIAK_WORK/tmp" "$IMAGE" true
    is "$output" "Error: must set volume destination" "no destination"
    run_umiak 125 run --rm -v "$UMIAK_WORK/tmp/none:/x" "$IMAGE" true
    is "$output" "Error: statfs $UMIAK_WORK/tmp/none: no such file or directory" "no source"
    run_umiak 125 run --rm --mount "type=glob,source=$UMIAK_WORK/tmp/?/same,destination=/d" "$IMAGE" true
    is "$output" "Error: /d/same: duplicate mount destination" "two files, one place"
    run_umiak run --rm --mount "type=image,source=$IMAGE,destination=/i,rw=true" "$IMAGE" sh -c 'echo x >/i/new && cat /i/new'
    is "$output" x "written"
    run_umiak 1 run --rm --mount "type=image,source=$IMAGE,destination=/i" "$IMAGE" touch /i/new
    like "$output" "Read-only file system" "read-only without rw"
}

@test "a volume with option idmap keeps the owners it has inside" {
    skip_rootless "the kernel maps no mounts of users"
    for first in 1000 2000; do
        run_umiak run --rm --uidmap 0:$first:10000 -v mapped:/etc:idmap "$IMAGE" stat -c %u:%g /etc/passwd
        is "$output" 0:0 "mapped from $first"
    done
    is "$(stat -c %u "$(umiak volume inspect --format '{{.Mountpoint}}' mapped)/passwd")" 0 "as it lies there"
    umiak volume rm mapped
}

@test "/etc/mtab is there, also when the image removed it" {
    is "$(umiak run --rm "$IMAGE" readlink /etc/mtab)" /proc/mounts "an image without it"
    umiak run --name c "$IMAGE" rm /etc/mtab
    umiak commit -q c localhost/without >/dev/null
    is "$(umiak run --rm localhost/without readlink /etc/mtab)" /proc/mounts "an image that removed it"
    umiak rm c
    umiak rmi localhost/without
}

@test "pause: only what was paused is named, and shows so" {
    rootless && skip "users have no freezer here"
    umiak create --name idle "$IMAGE" true >/dev/null
    umiak run -d --name busy "$IMAGE" sleep 1000 >/dev/null
    umiak pause busy
    is "$(umiak ps -a --filter name=busy --format '{{.Status}}')" Paused "ps"
    is "$(umiak unpause --all)" "$(umiak inspect --format '{{.Id}}' busy)" "unpause --all"
}

@test "inspect and the completion of its format know all kinds of objects" {
    umiak pod create --name group --infra=false >/dev/null
    umiak volume create vol >/dev/null
    umiak network create --internal net >/dev/null
    is "$(umiak inspect --format '{{.Name}}' group)" group "a pod"
    is "$(umiak inspect --format '{{.Internal}}' net)" true "a network"
    is "$(umiak inspect --type network --format '{{.Driver}}' net)" bridge "--type network"
    run_umiak 125 inspect --type network none
    complete() { umiak_complete __completeNoDesc "$@" 2>/dev/null; }
    like "$(complete inspect group -f '{{.Exit')" '\{\{\.ExitPolicy\}\}' "of a pod"
    like "$(complete inspect vol -f '{{.Anon')" '\{\{\.Anonymous\}\}' "of a volume"
    like "$(complete inspect "$IMAGE" -f '{{.Dig')" '\{\{\.Digest\}\}' "of an image"
    like "$(complete inspect -f '{{.Ar')" '\{\{\.Args\}\}' "of a container"
    if ! rootless; then
        like "$("$UMIAK_BUILD/umiak" __completeNoDesc --network-config-dir "$UMIAK_WORK/networks" inspect net -f '{{.DNS' 2>/dev/null)" \
            DNSEnabled "of a network"
    fi
    umiak network rm net
    umiak volume rm vol
    umiak pod rm group
}

@test "completion: paths inside a container for cp" {
    umiak run --name c "$IMAGE" sh -c 'mkdir -p /tmp/dir && echo 1 >/tmp/one' >/dev/null
    complete() { umiak_complete __completeNoDesc "$@" 2>/dev/null; }
    like "$(complete cp c:/)" $'(^|\n)c:/etc/\n' "the image's"
    like "$(complete cp c:/tmp/)" "c:/tmp/dir/.*c:/tmp/one" "its own"
    like "$(complete cp c:/tmp/o)" $'^c:/tmp/one\n' "by the first letter"
    is "$(complete cp none:/ | head -n1)" ":2" "no such container"
}

@test "logs: the journal and another event backend" {
    umiak create --name c --log-driver journald "$IMAGE" true >/dev/null
    run_umiak 125 --events-backend file logs --follow c
    like "$output" "using --follow with the journald --log-driver but without the journald --events-backend \(file\) is not supported" "both"
    run_umiak --events-backend file logs c
}

@test "a working container of nothing" {
    echo text >"$UMIAK_WORK/tmp/file"
    chmod a+r "$UMIAK_WORK/tmp/file"
    is "$(buildah from --name nothing scratch)" nothing "from scratch"
    buildah copy nothing "$UMIAK_WORK/tmp/file" /file >/dev/null
    id=$(buildah commit nothing localhost/nothing)
    umiak create --name c localhost/nothing /file >/dev/null
    is "$(umiak cp c:/file - | tar xO)" text "its file"
    is "$(umiak image inspect --format '{{len .RootFS.Layers}} {{.Id}}' localhost/nothing)" "1 $id" "one layer"
    umiak rm c
    buildah rm nothing
    umiak rmi localhost/nothing
}

@test "users: one of the host may be the container's at once" {
    run_umiak run --rm --hostuser "$UMIAK_TEST_USER" --user "$UMIAK_TEST_USER" "$IMAGE" id -u
    is "$output" "$(id -u "$UMIAK_TEST_USER")" "by name"
    run_umiak run --rm --hostuser "$UMIAK_TEST_USER" --user "$UMIAK_TEST_USER:33" "$IMAGE" id -g
    is "$output" 33 "with a group"
    run_umiak run --rm --hostuser "$(id -u "$UMIAK_TEST_USER")" --user "$UMIAK_TEST_USER" "$IMAGE" id -u
    is "$output" "$(id -u "$UMIAK_TEST_USER")" "by number and name"
    run umiak run --rm --user "$UMIAK_TEST_USER" "$IMAGE" true
    [ "$status" != 0 ]
    like "$output" "unable to find user $UMIAK_TEST_USER" "without --hostuser"
}

@test "words of errors: noswap, credential files" {
    if rootless; then
        run_umiak 125 run --rm --mount type=tmpfs,destination=/m,noswap "$IMAGE" true
        is "$output" "Error: the 'noswap' option is only allowed with rootful tmpfs mounts: must provide an argument for option" "noswap"
    fi
    run_umiak 125 push --authfile /no/file "$IMAGE" docker://localhost:1/x
    like "$output" "credential file is not accessible: faccessat /no/file: no such file or directory" "--authfile"
    for command in "pull|$IMAGE" "push|$IMAGE" "logout|$IMAGE" "image sign|$IMAGE" "container runlabel|run $IMAGE" "manifest add|l $IMAGE" \
        "manifest inspect|$IMAGE" "manifest push|$IMAGE" "create|$IMAGE x" "search|$IMAGE"; do   # before anything else is looked at
        # shellcheck disable=SC2086
        run_umiak 125 ${command%|*} --authfile=/no/file ${command#*|}
        is "$output" "Error: credential file is not accessible: faccessat /no/file: no such file or directory" "$command"
    done
}
