# SPDX-License-Identifier: Apache-2.0
# cp: files between the host and containers; nothing a container does leads outside of it.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; }
setup() { T=$UMIAK_WORK/tmp/t; rm -rf "$T"; mkdir "$T"; cd "$T"; }
# files the test user may read
mine() { ! rootless || chown -R "$UMIAK_TEST_USER": "$T"; }

@test "cp: files and directories, running and at rest, with all endings of paths" {
    mkdir -p d/e; echo 1 >d/f; echo 2 >d/e/g; ln -s f d/s; ln d/f d/h; chmod 604 d/f; touch -d @1234567890 d/e/g; mine
    for state in create run; do
        [ $state = create ] && umiak create --name c "$IMAGE" sleep 100
        [ $state = run ] && umiak run -d --name c "$IMAGE" sleep 100
        run_umiak cp d c:/tmp
        run_umiak cp d/. c:/dot
        run_umiak cp d c:/tmp/new
        run_umiak cp d/f c:/tmp/new/e/renamed
        run_umiak cp d/f c:relative
        run_umiak 125 cp d/f c:/nodir/
        like "$output" '"/nodir/" could not be found on container c: no such file or directory' "no directory"
        run_umiak 125 cp d c:/etc/motd
        like "$output" "destination must be a directory when copying a directory" "a directory onto a file"
        [ $state = create ] && umiak start c
        run_umiak exec c sh -c 'cat /tmp/d/f /dot/e/g /tmp/new/e/renamed /root/relative; stat -c "%a %h %u" /tmp/d/f; stat -c %Y /tmp/d/e/g; readlink /tmp/d/s; ls /tmp/d'
        is "$output" "1
2
1
1
604 2 0
1234567890
f
e
f
h
s" "$state: what arrived"
        umiak exec c sh -c 'echo out >/out; mkdir -p /o/p; echo deep >/o/p/q; ln -s /o/p /link'
        [ $state = run ] || umiak stop -t0 c
        run_umiak cp c:/out back
        run_umiak cp c:/o odir
        run_umiak cp c:/o/. odot
        run_umiak cp c:/link viadir
        is "$(cat back odir/p/q odot/p/q viadir/q)" "out
deep
deep
deep" "$state: what came back"
        rm -rf back odir odot viadir
        umiak rm -ft0 c
    done
}

@test "cp: between containers, to the container's user or not, over directories and files" {
    echo 1 >f; mkdir g; echo 2 >g/x; chmod a+rX -R .; mine
    umiak run -d --name a "$IMAGE" sleep 100
    umiak create --name b --user 1000:1000 "$IMAGE" sleep 100
    run_umiak cp f a:/tmp/thing
    run_umiak cp a:/tmp/thing b:/tmp/
    run_umiak cp g b:/tmp/dir
    run_umiak cp -a=false f b:/tmp/kept
    umiak start b
    run_umiak exec b stat -c '%n %u:%g' /tmp/thing /tmp/dir/x
    is "$output" "/tmp/thing 1000:1000
/tmp/dir/x 1000:1000" "owned by the container's user"
    run_umiak exec b stat -c '%u' /tmp/kept
    is "$output" 0 "owner kept"
    run_umiak 125 cp b:/tmp/dir a:/tmp/thing
    run_umiak cp g a:/tmp/thing2
    run_umiak cp f b:/tmp/thing2
    run_umiak 125 cp a:/tmp/thing2 b:/tmp
    like "$output" 'error creating "/tmp/thing2": .*: file exists' "a directory over a file"
    run_umiak cp --overwrite a:/tmp/thing2 b:/tmp
    run_umiak exec b cat /tmp/thing2/x
    is "$output" 2 "replaced"
}

@test "cp: tar streams in and out; what is no tar is refused" {
    mkdir d; echo 1 >d/f; tar -czf d.tgz d; tar --owner=12 --group=13 -cf o.tar d; echo nothing >no.tar; mine
    umiak run -d --name c "$IMAGE" sleep 100
    run_umiak cp - c:/tmp <d.tgz
    run_umiak exec c cat /tmp/d/f
    is "$output" 1 "a compressed archive"
    run_umiak cp -a=false - c:/srv/ <o.tar || { umiak exec c mkdir /srv; umiak cp -a=false - c:/srv/ <o.tar; }
    run_umiak exec c stat -c %u:%g /srv/d/f
    is "$output" 12:13 "owners of the archive"
    umiak cp c:/tmp/d - >out.tar
    is "$(tar -xOf out.tar d/f)" 1 "a directory as tar"
    umiak cp c:/tmp/d/f - | tar -xO >one
    is "$(cat one)" 1 "a file as tar"
    run_umiak 125 cp - c:/tmp <no.tar
    like "$output" "source must be a \(compressed\) tar archive when copying from stdin" "no tar"
    run_umiak 125 cp - c:/nosuch <o.tar
    like "$output" "destination must be a directory when copying from stdin" "no directory"
}

@test "cp: volumes and tmpfs, also of a container at rest; nothing is left in them" {
    echo 1 >f; mine
    umiak volume create outer; umiak volume create inner
    umiak create --name c -v outer:/v -v inner:/v/in --tmpfs /ram -v data:/data "$IMAGE" sleep 100
    run_umiak cp f c:/v/in/
    m=$(umiak volume inspect -f '{{.Mountpoint}}' outer)
    run_umiak cp c:/data/file .
    is "$(cat file)" "second layer" "copied up from the image first"
    if ! rootless; then is "$(ls -A "$m")" "" "the outer volume stays empty"; fi
    umiak start c
    run_umiak cp f c:/ram/
    run_umiak exec c cat /v/in/f /ram/f
    is "$output" "1
1" "both"
    umiak rm -ft0 c; umiak volume rm outer inner data
}

# H: links a container plants; control: the same link followed by the shell does reach the canary.
@test "security: links in a container do not lead cp outside" {
    echo canary >canary; echo evil >evil; mine; chmod 777 "$T"
    umiak run -d --name c -v "$T:/host" "$IMAGE" sh -c "ln -s '$T/canary' /tmp/abs; ln -s ../../../../../../../../../..$T/canary /tmp/rel
        ln -s '$T' /tmp/dir; ln -s /proc/1/root /tmp/proc; ln -s /host/canary /tmp/control; exec sleep 100"
    for i in 1 2 3 4 5 6 7 8 9; do umiak exec c test -L /tmp/control && break; sleep 0.1; done
    run_umiak exec c cat /tmp/control
    is "$output" canary "control: a link to the mounted directory reaches it"
    for l in abs rel; do
        run_umiak 125 cp "c:/tmp/$l" stolen
        [ ! -e stolen ]
        umiak cp evil "c:/tmp/$l" || true     # may fail, or make the file inside the container
        is "$(cat canary)" canary "written through $l"
    done
    umiak cp evil c:/tmp/dir/ || true
    umiak cp evil c:/tmp/dir/canary || true
    is "$(cat canary)" canary "written through a directory link"
    umiak cp c:/tmp/proc/etc/passwd own || true   # the container's own, if any
    ! grep -s "$(id -un 1):\|messagebus\|umiak-test" own
    # a tar whose link leads out, and a file through it
    mkdir x; ln -s "$T" x/l; tar -cf l.tar -C x l; rm x/l; mkdir x/l; echo evil >x/l/canary; tar -rf l.tar -C x l/canary; mine
    umiak cp - c:/tmp/dir2 <l.tar || true
    umiak exec c mkdir -p /tmp/dir2
    umiak cp - c:/tmp/dir2 <l.tar || true
    is "$(cat canary)" canary "written through a link in an archive"
}

# The directory is exchanged for a link while it is copied into: neither the host's file nor the run may suffer.
@test "security: a container that exchanges directories during cp" {
    mkdir -p out; echo canary >out/f0; mkdir src; for i in $(seq 0 60); do echo evil >src/f$i; done; mine; chmod 777 out
    umiak run -d --name c "$IMAGE" sh -c "mkdir /d; ln -s '$T/out' /l; while :; do mv /d /e; mv /l /d; mv /d /l; mv /e /d; done"
    for i in 1 2 3 4 5 6; do umiak cp src/. c:/d >/dev/null 2>&1 || true; umiak cp c:/d back$i >/dev/null 2>&1 || true; done
    is "$(cat out/f0) $(ls out | wc -l)" "canary 1" "the host's directory is as it was"
    ! grep -rs canary back*
}
