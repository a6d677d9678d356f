#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 345-buildah-run.bats - commands of builds and working containers: other runtimes, mounts, user namespaces, triggers.
load helpers
load ../lib/buildah

# A runtime that notes that it was called.
wrap_runtime() {
    mkdir -p "$UMIAK_WORK/tmp/rt"; : >"$UMIAK_WORK/tmp/rt/log"; chmod 777 "$UMIAK_WORK/tmp/rt"; chmod 666 "$UMIAK_WORK/tmp/rt/log"
    printf '#!/bin/sh\necho "$*" >>%s/log\nexec %s "$@"\n' "$UMIAK_WORK/tmp/rt" "$UMIAK_BUILD/umiak-oci" >"$UMIAK_WORK/tmp/rt/other"
    chmod 755 "$UMIAK_WORK/tmp/rt/other"
}

@test "RUN goes through another runtime, with all its mounts" {
    wrap_runtime
    context ext <<X
FROM $IMAGE AS first
RUN echo there >/file
FROM $IMAGE
COPY --from=first /file /copied
RUN --mount=type=bind,from=first,target=/f --mount=type=cache,target=/c --mount=type=tmpfs,target=/t --mount=type=secret,id=s \\
    --mount=type=bind,source=note,target=/note cat /f/file /note /run/secrets/s && touch /c/x /t/y && echo made >/made && rm /copied
RUN cat /made && test ! -e /copied
RUN <<E
#!/bin/sh
echo script
E
X
    echo noted >ext/note; echo hidden >secret; chmod a+r ext/note secret
    run_umiak build --network none --runtime "$UMIAK_WORK/tmp/rt/other" --secret id=s,src=secret -t ext ext
    [[ $output == *$'\nthere\nnoted\nhidden\n'*$'\nmade\n'*$'\nscript\n'* ]]
    is "$(grep -c ' create ' rt/log)" 4 "created by it"; is "$(grep -c ' start ' rt/log)" 4 "started by it"
    run_umiak run --rm --network none ext sh -c 'cat /made; ls /f /note /c 2>&1 | grep -c .'; is "${lines[0]}" made "kept"
    run_umiak 1 build --network none --no-cache --runtime "$UMIAK_WORK/tmp/rt/other" --runtime-flag no-such-flag ext
    [[ $output == *no-such-flag* ]] || [[ $output == *"unrecognized option"* ]]
    umiak rmi -f ext
}

@test "a command of a working container goes through another runtime" {
    wrap_runtime
    buildah from --name r "$IMAGE"
    run buildah run --network none --runtime "$UMIAK_WORK/tmp/rt/other" --runtime-flag debug r sh -c 'echo out; exit 3'
    is "$status" 3 "its exit code: $output"; [[ $output == *out* ]]
    [[ $(cat "$UMIAK_WORK/tmp/rt/log") == *"--debug"*" create "* ]]
    run buildah run --network none --runtime "$UMIAK_WORK/tmp/rt/other" r /no/such; [ "$status" -ne 0 ]
    run buildah run --network none --user nosuchuser r true; is "$status" 125 "no such user: $output"
    run buildah run --runtime /no/such/runtime r true; is "$status" 125 "no such runtime"; [[ $output == */no/such/runtime* ]]
    buildah rm r
}

@test "mounts of a command: what is written to a bind is dropped, a cache stays" {
    buildah from --name m "$IMAGE"
    cd "$UMIAK_WORK/tmp"; mkdir -p src/sub; echo one >src/f; echo two >src/sub/g; chmod -R a+rwX src
    run buildah run --network none --mount "type=bind,src=$PWD/src,dst=/b,rw" --mount "type=bind,src=$PWD/src/f,dst=/made/file,rw" m \
        sh -c 'cat /b/f /made/file; echo new >/b/new; echo changed >/made/file; cat /made/file'
    is "$output" $'one\none\nchanged' "readable and writable"; [ ! -e src/new ]; is "$(cat src/f)" one "untouched"
    run buildah run --network none --mount "type=bind,src=$PWD/src,dst=/b" m touch /b/x; is "$status" 1 "read-only"
    run buildah run --network none --contextdir "$PWD/src" --mount type=bind,src=sub,dst=/b m cat /b/g; is "$output" two "below the context"
    run buildah run --network none --contextdir "$PWD/src/sub" --mount type=bind,src=../f,dst=/b m cat /b; [ "$status" -ne 0 ]
    run buildah run --network none --mount "type=bind,from=$IMAGE,source=/bin,dst=/b" m sh -c 'ls /b | grep -cx busybox'; is "$output" 1 "of an image: $output"
    buildah run --network none --mount type=cache,target=/c m sh -c 'mkdir /c/d; echo kept >/c/d/x'
    run buildah run --network none --mount type=cache,src=d,target=/c m cat /c/x; is "$output" kept "the cache"
    run buildah run --network none --mount type=tmpfs,target=/t m sh -c 'touch /t/x; ls /t'; is "$output" x "a tmpfs"
    run buildah run --network none m sh -c 'ls -A /b /c /t /made 2>/dev/null; true'; [[ $output != */x* && $output != *d ]]
    buildah rm m
}

@test "RUN in a user namespace of its own: its layers keep the image's owners" {
    context un <<X
FROM $IMAGE
RUN cat /proc/self/uid_map; touch /x; chown 7:8 /x; chmod 4755 /x; ln /x /y; rm /etc/group; ls -ln /bin/busybox
RUN stat -c '%u:%g %a %h' /x; test ! -e /etc/group
X
    for how in oci chroot; do
        run_umiak build --network host --no-cache --isolation $how --userns-uid-map 0:1:5000 --userns-gid-map 0:1:5000 -t un un
        [[ $output =~ $'\n'' '*0' '+1' '+5000$'\n' ]] && [[ $output == *' 0        0 '*busybox* && $output == *$'\n7:8 4755 2\n'* ]]
        run_umiak run --rm --network none un stat -c '%u:%g %a' /x /etc/passwd; is "$output" $'7:8 4755\n0:0 644' "owners in the image ($how)"
    done
    run_umiak run -d --name other --network none --uidmap 0:100:3000 --gidmap 0:100:3000 "$IMAGE" sleep 1000
    run_umiak build --network none --no-cache --userns container:other un; [[ $output =~ $'\n'' '*0' '+100' '+3000$'\n' ]]
    run_umiak rm -f -t 0 other
    run_umiak 125 build --userns container:other un; [[ $output == *'no container with name or ID "other"'* ]]
    run_umiak 125 build --userns /etc/passwd un; run_umiak 125 build --userns no-such-word un; [[ $output == *no-such-word* ]]
    run_umiak 125 build --userns-uid-map 16 un; [[ $output == *'userns-uid-map setting is malformed expected ["uint32:uint32:uint32"]: ["16"]'* ]]
    run_umiak 125 build --userns-gid-map 0:1:5 un; [[ $output == *"can not be used without --userns-uid-map"* ]]
    run_umiak build --network none --no-cache --userns /proc/self/ns/user un; [[ $output == *$'\n7:8 4755 2\n'* ]]   # our own
    umiak rmi -f un
}

@test "RUN --device: what is there, what need not be, and --allow" {
    context dev <<X
FROM $IMAGE
RUN --device=/dev/null test -c /dev/null
RUN --device=name=/dev/none echo without
RUN --device=vendor.example/none=x,required=false echo neither
X
    run_umiak 125 build --network none dev; [[ $output == *"RUN --device=/dev/null is not allowed: build with --allow device=/dev/null"* ]]
    run_umiak build --network none --allow device -t dev dev; [[ $output == *$'\nwithout\n'*$'\nneither\n'* ]]
    printf 'FROM %s\nRUN --device=/dev/none,required true\n' "$IMAGE" >dev/Containerfile
    run_umiak 125 build --network none --allow device=/dev/none dev; [[ $output == */dev/none* ]]
    umiak rmi dev
}

# With ranges for "containers" where root chooses from.
with_ids() {
    if rootless; then "$@"; return; fi
    printf 'containers:400000:5000\n' >"$UMIAK_WORK/tmp/ids"
    unshare -m bash -c "mount --bind '$UMIAK_WORK/tmp/ids' /etc/subuid && mount --bind '$UMIAK_WORK/tmp/ids' /etc/subgid && \"\$@\"" - \
        "$UMIAK_WORK/bin/$1" --root "$UMIAK_WORK/root" --runroot "$UMIAK_WORK/run" "${@:2}"
}

@test "a range of ids for a build and for the commands of a working container" {
    ln -sf "$UMIAK_BUILD/umiak" "$UMIAK_WORK/bin/umiak"
    context auto <<X
FROM $IMAGE
RUN awk '{ exit \$3 == 1024 && \$2 > 0 ? 0 : 1 }' /proc/self/uid_map && touch /made
X
    run with_ids umiak build --network none --no-cache --userns auto -t auto auto; is "$status" 0 "built: $output"
    run_umiak run --rm --network none auto stat -c %u /made; is "$output" 0 "the image's root"
    buildah from --userns auto:size=500 --name au "$IMAGE"
    rootless || { run buildah run --network none au true; is "$status" 125 "no ids to choose from"; }
    run with_ids buildah run --network none au cat /proc/self/uid_map; [[ $output =~ ' '500$ ]]
    buildah rm au; umiak rmi auto
}

@test "triggers of an image are carried out when a container is made of it" {
    context base <<X
FROM $IMAGE
ENV BASE=there
ONBUILD ENV FIRST=\$BASE/1
ONBUILD COPY --chmod=640 given /dir/
ONBUILD WORKDIR /dir
ONBUILD RUN cat given >copy; echo "\$FIRST" >>copy
ONBUILD LABEL l=v
X
    echo data >given; chmod a+r given
    run_umiak build --format docker --network none -t base base
    run buildah from --network none --name t base; is "$status" 0 "made: $output"
    [[ $output == *'STEP 2: COPY --chmod=640 given /dir/'* && ${lines[-1]} == t ]]
    run buildah run --network none t sh -c 'pwd; cat copy; stat -c %a given'; is "$output" $'/dir\ndata\nthere/1\n640' "done"
    run buildah inspect --format '{{.OCIv1.Config.Labels.l}} {{len .Docker.Config.OnBuild}}' t; is "$output" "v 0" "said, and done with"
    rm given
    run buildah from --network none --name t2 base; is "$status" 125 "a source is missing"; [[ $output == *"ONBUILD COPY"* ]]
    run buildah containers -q --noheading --filter name=t2; is "$output" "" "no container is left"
    buildah rm t; umiak rmi base
}

@test "I1, I2: sources of a command's mounts stay where they belong, with another runtime as well" {
    wrap_runtime
    out=$UMIAK_WORK/tmp/outside; mkdir "$out"; echo host-secret >"$out/secret"
    context evil <<X
FROM $IMAGE
RUN mkdir -p /in && echo inside >/in/secret && ln -s $out /link && ln -s /../../../in /in-link
X
    mkdir -p ctx/in; echo inside >ctx/in/secret; ln -s "$out" ctx/link; ln -s /../../in ctx/in-link; chmod -R a+rwX "$out" ctx
    run_umiak build -q --network none -t localhost/evil:1 evil
    buildah from --name e "$IMAGE"
    for how in "" "--runtime $UMIAK_WORK/tmp/rt/other"; do
        for from in "type=bind,from=localhost/evil:1,source=/" "type=bind,from=localhost/evil:1,rw,source=/" "type=bind,source="; do
            run buildah run --network none $how --contextdir "$PWD/ctx" --mount "${from}link,target=/m" e cat /m/secret
            [ "$status" -ne 0 ]; [[ $output != *host-secret* ]]
            run buildah run --network none $how --contextdir "$PWD/ctx" --mount "${from}in-link,target=/m" e cat /m/secret   # the control
            is "$output" inside "$how $from"
        done
        run buildah run --network none $how --mount "type=cache,id=../../../$out,target=/m" e sh -c 'touch /m/x && ls /m'; is "$output" x "a cache"
    done
    is "$(ls "$out")" secret "nothing was made outside"
    buildah rm e; umiak rmi localhost/evil:1; rm -rf "$out"
}

@test "a directory mounted with changes of one's own looks as it is" {
    mkdir "$UMIAK_WORK/tmp/own"; chmod 750 "$UMIAK_WORK/tmp/own"; rootless && chown "$UMIAK_TEST_USER" "$UMIAK_WORK/tmp/own"
    like=$(rootless && echo "750 0 0" || stat -c '%a %u %g' "$UMIAK_WORK/tmp/own")
    buildah from --name own -v "$UMIAK_WORK/tmp/own:/own:O" "$IMAGE"
    run buildah run --network none own sh -c 'touch /own/x; stat -c "%a %u" /own'; is "$output" "${like% *}" "mode and owner"
    [ ! -e "$UMIAK_WORK/tmp/own/x" ]
    buildah rm own
}

@test "devices by name: a directory of specifications given to from counts for its commands" {
    mkdir -p "$UMIAK_WORK/tmp/cdi"; echo shown >"$UMIAK_WORK/tmp/cdi/file"
    printf 'cdiVersion: "0.5.0"\nkind: vendor.example/dev\ndevices:\n- name: one\n  containerEdits:\n    env: [CDI=given]\n' >"$UMIAK_WORK/tmp/cdi/dev.yaml"
    chmod -R a+rX "$UMIAK_WORK/tmp/cdi"
    buildah from --name d --cdi-config-dir "$UMIAK_WORK/tmp/cdi" --device vendor.example/dev=one "$IMAGE"
    run buildah run --network none d sh -c 'echo $CDI'; is "$output" given "by from"
    buildah rm d; buildah from --name d "$IMAGE"
    run buildah run --network none --cdi-config-dir="$UMIAK_WORK/tmp/cdi" --device=vendor.example/dev=one d sh -c 'echo $CDI'; is "$output" given "by run"
    run buildah run --network none --device=vendor.example/dev=one d true; is "$status" 125 "not known without"
    buildah rm d
}
