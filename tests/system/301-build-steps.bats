#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# 301-build-steps.bats - steps: mount points of theirs, copies instead of overlays, full disks.
load helpers
load ../lib/context

setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
setup() {
    context_make
}
teardown() { umiak_teardown; rm -rf "$CTX"; }

# Copies in place of overlays: a store that lies on an overlay.
@test "commit of a container whose root is a copy has no empty mount points in it" {
    skip_rootless "mounts an overlay for the store"
    mkdir "$CTX"/{lower,tmp}
    cat >"$CTX/inside" <<'END'
set -e
mount -t tmpfs tmpfs "$1/tmp"; mkdir "$1"/tmp/{u,w,m}
mount -t overlay overlay -o "lowerdir=$1/lower,upperdir=$1/tmp/u,workdir=$1/tmp/w" "$1/tmp/m"
u="$UMIAK_BUILD/umiak --root $1/tmp/m/root --runroot $1/tmp/run"
$u load -q -i "$UMIAK_WORK/image.tar" >/dev/null
$u run --network none --name c "$($u images -q)" sh -c 'echo x >/new; mkdir -p /opt/dev' >/dev/null
$u commit -q c made >/dev/null
$u image diff made
END
    run unshare -m bash "$CTX/inside" "$CTX"
    is "$status|$output" $'0|C /etc\nA /new\nA /opt\nA /opt/dev' "what the command did"
}

@test "a step may unmount and remove what was mounted for it: the image has neither the file nor a mark of it" {
    file Containerfile <<END
FROM $IMAGE
RUN --security=insecure umount /etc/hostname && rm /etc/hostname; ls /etc >/after; echo kept >/kept
RUN cat /kept
END
    build --no-cache --allow security.insecure -t um
    [[ $output == *$'\nkept\n'* ]]
    run_umiak run --rm --network none um cat /after
    [[ $output != *hostname* ]]
    umiak save --format oci-archive -o "$UMIAK_WORK/tmp/um.tar" um
    mkdir "$CTX/oci"; tar -C "$CTX/oci" -xf "$UMIAK_WORK/tmp/um.tar"
    layers=$(for l in "$CTX"/oci/blobs/sha256/*; do tar tf "$l" 2>/dev/null || true; done)
    [[ $layers == *kept* ]]
    ! grep -E "etc/.*hostname" <<<"$layers"
}

@test "a cache that begins with a directory; U and tmpcopyup; U on a bind is refused by name" {
    file Containerfile <<END
FROM $IMAGE AS src
RUN mkdir -p /seed/sub && echo one >/seed/sub/f && chown -R 5:6 /seed
FROM $IMAGE
RUN --mount=type=cache,id=seeded,from=src,source=/seed,target=/c cat /c/sub/f && stat -c %u:%g /c/sub/f && echo two >>/c/sub/f
RUN --mount=type=cache,id=seeded,from=src,source=/seed,target=/c echo "again: \$(cat /c/sub/f)"
RUN --mount=type=cache,id=seeded,target=/c ls -A /c && echo "another one without"
RUN --mount=type=tmpfs,target=/etc,tmpcopyup grep -c root /etc/passwd && touch /etc/x
USER 7:8
RUN --mount=type=tmpfs,target=/t,U,mode=700 stat -c 'tmpfs %u:%g %a' /t && touch /t/x
RUN --mount=type=cache,target=/own,U stat -c 'cache %u:%g' /own && touch /own/x
USER 9
RUN --mount=type=cache,target=/own,U stat -c 'then %u' /own /own/x
END
    build --no-cache -t mounts
    for want in $'\none\n5:6\n' $'\nagain: one\ntwo\n' $'\nanother one without\n' $'\ntmpfs 7:8 700\n' $'\ncache 7:8\n' $'\nthen 9\nthen 9\n'; do
        [[ $output == *"$want"* ]] || { echo "missing: $want"; echo "$output"; return 1; }
    done
    run_umiak 1 run --rm --network none mounts ls -d /etc/x /c/sub /t/x /own/x
    is "$(grep -c 'No such file' <<<"$output")" 4 "nothing of the mounts is in the image"
    printf 'FROM %s\nRUN --mount=target=/x,U true\n' "$IMAGE" | file Containerfile
    run_umiak 125 build "$CTX"
    [[ $output == *"unexpected key 'U' for mount type 'bind'"* ]]
}

@test "later COPYs are looked at early: what is there counts, whichever way the key was found" {
    mkdir "$CTX"/{a,b,c}
    for d in a b c; do echo 1 | file $d/f; echo 1 | file $d/left-out; done
    echo '*/left-out' | file .containerignore
    file Containerfile <<END
FROM $IMAGE
WORKDIR /w
COPY a a
RUN --mount=type=tmpfs,target=/t echo \$(ls /w)
COPY --exclude=x "b" b/
COPY --chown=3:4 --chmod=640 c/* ./c/
END
    cached() { grep -c 'Using cache' <<<"$output" || true; }
    build; is "$(cached)" 0 "nothing is known at first"
    build; is "$(cached)" 5 "all of it"; first=${lines[-1]}
    echo 2 >"$CTX/c/f"
    build; is "$(cached)" 4 "all but the last"
    echo 1 >"$CTX/c/f"; echo 2 >"$CTX/b/left-out"; touch "$CTX/b/f"
    build; is "$(cached)|${lines[-1]}" "5|$first" "back to the first"
    echo 2 >"$CTX/a/f"; echo 3 >"$CTX/c/f"
    build; is "$(cached)" 1 "a changed: all behind it"
    printf 'RUN stat -c "%%u:%%g %%a" /w/c/f; cat /w/[abc]/f; ls /w/c\n' >>"$CTX/Containerfile"
    build; is "$(cached)" 5 "still the same"
    [[ $output == *$'\n3:4 640\n2\n1\n3\nf\n'* ]]
}

# A store that is full: one line that says so, nothing left, and the build goes on when there is room.
@test "a full disk during COPY and RUN" {
    skip_rootless "mounts a small file system"
    head -c 30000000 /dev/urandom >"$CTX/big"
    printf 'FROM %s\nCOPY big /big\n' "$IMAGE" | file Copy
    printf 'FROM %s\nRUN echo x >/small\nRUN cat /dev/zero >/big\n' "$IMAGE" | file Run
    cat >"$CTX/inside" <<'END'
mount -t tmpfs -o size=24m tmpfs "$1"
u="$UMIAK_BUILD/umiak --root $1/root --runroot /run/${1##*/}"
$u load -q -i "$UMIAK_WORK/image.tar" >/dev/null; $u tag "$($u images -q)" "$IMAGE"
before=$(du -sk "$1" | cut -f1)
for f in Copy Run; do
    if $u build --network none -q -f "$2/$f" "$2" >/dev/null 2>"$1/../err"; then echo "$f: built"; fi
    grep -h -v '^cat: ' "$1/../err" | sed "s/^/$f: /"
    $u images -aq | wc -l
    [ "$(($(du -sk "$1" | cut -f1) - before))" -lt 400 ] || { echo "$f left something"; find "$1" -size +100k; }
done
mount -o remount,size=80m "$1"
$u build --network none -q -f "$2/Copy" -t now "$2" >/dev/null && $u run --rm --network none now sha256sum /big | cut -c 1-64
$u system reset --force >/dev/null; rm -rf "/run/${1##*/}"
END
    export IMAGE; mkdir "$UMIAK_WORK/full.$$"
    run unshare -m bash "$CTX/inside" "$UMIAK_WORK/full.$$" "$CTX"
    echo "$output"
    is "${#lines[@]}" 5 "a line each"
    like "${lines[0]}" '^Copy: Error: building at STEP "COPY big /big": .*(No space left on device|no space left)' "COPY says why"
    is "${lines[1]} ${lines[3]}" "1 1" "only the base image is there"
    like "${lines[2]}" '^Run: Error: building at STEP "RUN cat /dev/zero >/big": ' "RUN names the step"
    is "${lines[4]}" "$(sha256sum "$CTX/big" | cut -c 1-64)" "with more room it is built"
}

@test "--userns: RUN in a user namespace of its own; the image is the same with and without it" {
    printf 'FROM %s\nRUN readlink /proc/self/ns/user; mkdir /d; echo x >/d/f; chown 3:4 /d/f; stat -c "owner %%u:%%g" /d/f /bin/busybox\nUSER 1000\nRUN touch /tmp/mine\n' "$IMAGE" | file Containerfile
    owners() { umiak run --rm --network none "$1" stat -c %u:%g / /d/f /tmp/mine | tr '\n' ' '; }
    own() { grep -o '^user:\[[0-9]*\]' <<<"$output"; }
    build --no-cache -t plain --userns=host
    ours=$(own)
    build --no-cache -t same --userns=container
    [[ $output == *$'\nowner 3:4\nowner 0:0\n'* && $(own) != "$ours" ]]
    is "$(owners same)" "$(owners plain)" "owners of what it wrote"
    is "$(owners same)" "0:0 3:4 1000:1000 " "owners of what it wrote"
    run_umiak 125 build --userns=nosuch "$CTX"
    [[ $output == *'unrecognized user namespace "nosuch"'* ]]
    run_umiak 125 build --userns=host --userns-uid-map=0:1:5 "$CTX"
}

@test "--userns-uid-map: other ids outside, the image's own in layers, caches and secrets" {
    skip_rootless "id-mapped mounts need root"
    file Containerfile <<END
FROM $IMAGE
RUN cat /proc/self/uid_map /proc/self/gid_map; mkdir /d; echo x >/d/f; chown 3:4 /d/f
RUN --mount=type=cache,target=/c --mount=type=secret,id=s --mount=target=/ctx touch /c/x; stat -c 'cache %u:%g' /c /c/x; cat /run/secrets/s /ctx/data; stat -c 'file %u:%g' /d/f
END
    echo secret | file secret; echo data | file data
    build --no-cache -t mapped --userns-uid-map 0:100000:65536 --userns-gid-map 0:200000:65536 --secret "id=s,src=$CTX/secret"
    like "$output" ' 0 +100000 +65536' "the users"; like "$output" ' 0 +200000 +65536' "the groups"
    [[ $output == *$'\ncache 0:0\ncache 0:0\nsecret\ndata\nfile 3:4\n'* ]]
    run_umiak run --rm --network none mapped stat -c %u:%g / /d /d/f
    is "$output" $'0:0\n0:0\n3:4' "without a namespace"
}
