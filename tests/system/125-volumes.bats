# SPDX-License-Identifier: Apache-2.0
# volumes: options of the local driver, mounting while in use, archives, owners, pruning; container clone.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; umiak volume rm -af >/dev/null; }

place() { umiak volume inspect -f '{{.Mountpoint}}' "$1"; }

@test "volume: type=bind and type=tmpfs are mounted as long as somebody uses them" {
    mkdir -p "$UMIAK_WORK/tmp/dir"; echo hello >"$UMIAK_WORK/tmp/dir/f"; chmod -R a+rwX "$UMIAK_WORK/tmp/dir"
    run_umiak volume create -o type=bind -o device="$UMIAK_WORK/tmp/dir" b
    run_umiak run --rm -v b:/v "$IMAGE" cat /v/f
    is "$output" hello "the directory's contents"
    run_umiak 125 volume create -o type=bind -o device=/bogus x
    is "$output" "Error: invalid volume option device for driver 'local': faccessat /bogus: no such file or directory" "no device"
    run_umiak 125 volume create -o nosuch=1 x
    like "$output" "invalid mount option nosuch for driver 'local'" "unknown option"
    run_umiak volume create -o type=tmpfs -o device=tmpfs -o o=size=2M t
    run_umiak run -d --name c1 -v t:/v "$IMAGE" sleep 100
    run_umiak run --rm -v t:/v "$IMAGE" sh -c 'echo shared >/v/s; mount | grep " /v "'
    like "$output" "tmpfs on /v type tmpfs.*size=2048k" "the size"
    run_umiak exec c1 cat /v/s
    is "$output" shared "one mount for all its users"
    run_umiak rm -ft0 c1
    run_umiak run --rm -v t:/v "$IMAGE" ls -A /v
    is "$output" "" "the last one unmounted it"
    ! grep -F "$UMIAK_WORK/root/volumes" /proc/self/mountinfo
    run_umiak 125 volume create -d noplugin x
    like "$output" "no volume plugin with name noplugin available" "drivers"
    run_umiak 125 volume create -o o=size=1g x
    like "$output" "[Pp]roject [Qq]uota" "quotas are refused by name"
    run_umiak 125 run --rm -v b:/v -v nomount:/w "$IMAGE" false || true
    umiak volume create -o type=nosuchfs -o device=none bad
    run_umiak 125 run --rm -v bad:/v "$IMAGE" true
    like "$output" "mounting volume bad" "mount's own sentence"
}

@test "volume: owners, new volumes stay new until they hold something" {
    run_umiak volume create --uid 12 --gid 13 v
    run_umiak run --rm -v v:/data "$IMAGE" stat -c %u:%g /data
    is "$output" 12:13 "chosen owner stays"
    run_umiak volume create n
    run_umiak volume inspect -f '{{.NeedsCopyUp}} {{.NeedsChown}}' n
    is "$output" "true true" "new"
    run_umiak run --rm --user 1000:1000 -v n:/none "$IMAGE" sh -c 'stat -c %u:%g /none'
    is "$output" 1000:1000 "the process may write where the image has nothing"
    run_umiak volume inspect -f '{{.NeedsCopyUp}}' n
    is "$output" true "still new"
    run_umiak run --rm -v n:/data "$IMAGE" cat /data/file
    is "$output" "second layer" "copied up"
    run_umiak volume inspect -f '{{.NeedsCopyUp}} {{.NeedsChown}}' n
    is "$output" "false false" "no more"
}

@test "volume: export and import, from files and pipes; hostile archives stay inside" {
    umiak run --rm -v a:/v "$IMAGE" sh -c 'echo hello >/v/f; mkdir -m 700 /v/d; chown 5:6 /v/d; ln -s /etc/passwd /v/l'
    run_umiak volume export a -o "$UMIAK_WORK/tmp/a.tar"
    umiak volume export a | tar -tf - >"$UMIAK_WORK/tmp/list"
    like "$(cat "$UMIAK_WORK/tmp/list")" "d/" "to a pipe"
    run_umiak volume create b
    run_umiak volume import b "$UMIAK_WORK/tmp/a.tar"
    run_umiak run --rm -v b:/v "$IMAGE" sh -c 'cat /v/f; stat -c "%a %u:%g" /v/d; readlink /v/l'
    is "$output" "hello
700 5:6
/etc/passwd" "contents, modes, owners, links"
    gzip -c "$UMIAK_WORK/tmp/a.tar" | umiak volume import b -
    run_umiak 125 volume import nosuch "$UMIAK_WORK/tmp/a.tar"
    like "$output" 'no volume with name "nosuch" found: no such volume' "no volume"
    # J/F: a link out of the volume and a file through it. Control: tar itself follows with -P into a directory.
    mkdir -p "$UMIAK_WORK/tmp/canary" "$UMIAK_WORK/tmp/e/l"; echo canary >"$UMIAK_WORK/tmp/canary/f"; chmod -R a+rwX "$UMIAK_WORK/tmp/canary"
    rm -rf "$UMIAK_WORK/tmp/e/l"; ln -s "$UMIAK_WORK/tmp/canary" "$UMIAK_WORK/tmp/e/l"
    tar -C "$UMIAK_WORK/tmp/e" -cf "$UMIAK_WORK/tmp/evil.tar" l
    rm "$UMIAK_WORK/tmp/e/l"; mkdir "$UMIAK_WORK/tmp/e/l"; echo evil >"$UMIAK_WORK/tmp/e/l/f"
    tar -C "$UMIAK_WORK/tmp/e" -rf "$UMIAK_WORK/tmp/evil.tar" l/f
    tar -C "$UMIAK_WORK/tmp/e" -P --transform="s,^,../../../../../../../../../..$UMIAK_WORK/tmp/canary/," -rf "$UMIAK_WORK/tmp/evil.tar" l/f
    chmod a+r "$UMIAK_WORK/tmp"/*.tar
    umiak volume create e
    umiak volume import e "$UMIAK_WORK/tmp/evil.tar" || true
    is "$(cat "$UMIAK_WORK/tmp/canary/f") $(ls "$UMIAK_WORK/tmp/canary")" "canary f" "nothing outside"
}

@test "volume: mount and unmount by hand, rm -t, prune, reload" {
    umiak volume create named; anon=$(umiak volume create)
    if rootless; then
        run_umiak 125 volume mount named
        like "$output" "must execute" "inside unshare only"
    else
        umiak volume create -o type=tmpfs -o device=tmpfs t
        run_umiak volume mount t
        m=$output
        echo x >"$m/f"
        run_umiak run --rm -v t:/v "$IMAGE" cat /v/f
        is "$output" x "the same mount"
        run_umiak volume unmount t
        [ ! -e "$m/f" ]
        umiak volume rm t
    fi
    run_umiak volume prune </dev/null
    like "$output" "$anon" "what would go"
    run_umiak volume prune --dry-run
    like "$output" "Volumes that would be pruned:" "a look"
    run_umiak volume prune -f
    is "$output" "$anon" "anonymous ones"
    run_umiak volume prune -f --all
    is "$output" named "all"
    run_umiak volume prune </dev/null
    like "$output" "No dangling anonymous volumes found" "none"
    umiak run -d --name c -v used:/v "$IMAGE" sleep 100
    run_umiak 2 volume rm used
    run_umiak volume rm -f -t0 used
    run_umiak volume reload
}

@test "container clone: settings, changes, names, --destroy, --run" {
    run_umiak create --name web -e A=1 --label l=1 -v v:/v -v /anon --memory 64m --health-cmd true "$IMAGE" sh -c 'echo $A; ls -d /v /anon; sleep 100'
    run_umiak container clone web
    id=${lines[-1]}
    run_umiak inspect -f '{{.Name}} {{.HostConfig.Memory}} {{.Config.Cmd}} {{index .Config.Labels "l"}} {{.Config.Healthcheck.Test}}' "$id"
    is "$output" 'web-clone 67108864 [sh -c echo $A; ls -d /v /anon; sleep 100] 1 [CMD-SHELL true]' "the settings"
    run_umiak container clone --memory 32m web-clone
    run_umiak inspect -f '{{.Name}} {{.HostConfig.Memory}}' "${lines[-1]}"
    is "$output" "web-clone1 33554432" "a change, the next name"
    is "$(umiak volume ls -q | wc -l)" 4 "each has an anonymous volume of its own"
    run_umiak container clone --destroy --run web-clone1 new
    run_umiak 1 container exists web-clone1
    run_umiak inspect -f '{{.State.Status}}' new
    is "$output" running "started"
    run_umiak 125 container clone -f web
    like "$output" "cannot set --force without --destroy" "force"
}

@test "mount type=image,rw=true: written to the container, not the image" {
    umiak create --name c --mount "type=image,src=$IMAGE,dst=/i,rw=true" "$IMAGE" sh -c 'cat /i/data/file; echo new >>/i/data/file; cat /i/data/file'
    run_umiak start -a c
    is "$output" "second layer
second layer
new" "written"
    run_umiak run --rm --mount "type=image,src=$IMAGE,dst=/i" "$IMAGE" sh -c 'cat /i/data/file; echo x >/i/data/file' || true
    like "$output" "second layer" "the image is as it was"
    like "$output" "Read-only file system" "and read-only without rw"
}

@test "container runlabel: names, words and quotes; shown before it is run" {
    umiak create --name l "$IMAGE" true
    umiak commit -q --change 'LABEL RUN="podman run --rm --name NAME -e X=\"a b\" IMAGE sh -c \"echo \\$X ${OPT1}\""' l localhost/lab
    umiak rm l
    run_umiak container runlabel --display --opt1 one run localhost/lab
    is "$output" "command: $(readlink -f "$UMIAK_BUILD/umiak") run --rm --name lab -e X=a b localhost/lab:latest sh -c echo \$X one" "what would run"
    run_umiak 125 container runlabel nosuch localhost/lab
    like "$output" "cannot find the value of label: nosuch in image: localhost/lab" "no such label"
    umiak rmi localhost/lab
}

@test "volume driver image: the image's files, with what is written kept in the volume" {
    run_umiak 125 volume create -d image x
    like "$output" "must provide an image name" "no image"
    run_umiak 125 volume create -d image -o image=nosuch:1 x
    like "$output" "image not known" "unknown image"
    run_umiak volume create -d image -o image="$IMAGE" i
    run_umiak run --rm -v i:/i "$IMAGE" sh -c 'cat /i/data/file; echo more >/i/data/more; rm /i/etc/motd'
    is "$output" "second layer" "the image's file"
    run_umiak run --rm -v i:/i "$IMAGE" sh -c 'cat /i/data/more; ls /i/etc'
    is "${lines[0]}" more "kept"
    [[ $output != *motd* ]]
    run_umiak run --rm "$IMAGE" ls /data
    is "$output" file "the image is as it was"
    run_umiak volume inspect -f '{{.Driver}}' i
    is "$output" image "driver"
    run_umiak volume rm i
}
