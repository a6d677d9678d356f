# SPDX-License-Identifier: Apache-2.0
# commit: a container's changes become a layer; the layer's tar can be made again from its tree.

load helpers
setup_file() { umiak_setup_file; }
teardown_file() { umiak_teardown_file; }
teardown() { umiak_teardown; umiak rmi -af >/dev/null 2>&1; umiak load -q -i "$UMIAK_WORK/image.tar" >/dev/null; umiak tag "$(umiak images -q | head -1)" "$IMAGE"; }

# a container with one of everything
busy() {
    run_umiak run --name c "$IMAGE" sh -c '
        echo new >/new; rm /data/file; mkdir -p /d/e; echo x >/d/e/f; ln /d/e/f /d/hard; ln -s ../new /d/soft
        mkfifo /d/fifo; chown 12:34 /d/e/f; chmod 4711 /d/e/f; rm -r /home; mkdir /home; echo h >/home/h; chmod 700 /home
        touch -d @1234567890 /d/e; printf "\303\244" >"/d/ä name"'
}
look() { # IMAGE: what the files look like
    umiak run --rm "$1" sh -c 'cat /new /d/e/f /d/soft /home/h; ls /data /home; stat -c "%n %a %u:%g %h %F" /d/e/f /d/hard /d/fifo /home
        stat -c "%n %Y" /d/e; readlink /d/soft; ls /d' 2>&1
}

@test "commit: files, deletions, opaque directories, links, owners and modes come back" {
    busy
    run_umiak commit -q c localhost/made
    id=${lines[0]}
    like "$id" '^[0-9a-f]{64}$' "the id is printed"
    run look localhost/made
    like "$output" "4711 12:34 2" "mode, owner and hard link"
    like "$output" "/d/fifo 644 0:0 1 fifo" "a fifo"
    like "$output" "/d/e 1234567890" "times"
    [[ $output != *file* || $output != */data/file* ]]
    run_umiak run --rm localhost/made sh -c 'ls /data | wc -l; ls /home'
    is "${lines[0]}" 0 "a deleted file is gone"
    is "${lines[1]}" h "what the directory held before is gone"
}

@test "commit: what is saved or pushed from the tree is the layer that was committed" {
    busy
    run_umiak commit -q c localhost/made
    id=${lines[0]}
    umiak_out "$UMIAK_WORK/tmp/made.tar" save -q --format docker-archive localhost/made
    look localhost/made >"$UMIAK_WORK/before"
    run_umiak rm c
    run_umiak rmi -f localhost/made
    run_umiak load -q -i "$UMIAK_WORK/tmp/made.tar"
    run_umiak inspect --format '{{.Id}}' localhost/made
    is "$output" "$id" "the same image comes back"
    look localhost/made >"$UMIAK_WORK/after"
    diff "$UMIAK_WORK/before" "$UMIAK_WORK/after"
    # and as OCI, compressed or not
    run_umiak rmi -f localhost/made
    run_umiak load -q -i "$UMIAK_WORK/tmp/made.tar"
    umiak_out "$UMIAK_WORK/tmp/oci.tar" save -q --format oci-archive localhost/made
    run_umiak rmi -f localhost/made
    run_umiak load -q -i "$UMIAK_WORK/tmp/oci.tar"
    look localhost/made >"$UMIAK_WORK/after"
    diff "$UMIAK_WORK/before" "$UMIAK_WORK/after"
}
umiak_out() { local f=$1; shift; umiak "$@" >"$f"; }

@test "commit: configuration of the container and --change" {
    run_umiak create --name c -e A=b --label l=m --expose 80 --expose 53/udp --user nobody --workdir /tmp --entrypoint '["/bin/e"]' "$IMAGE" one two
    run_umiak commit -q --author "An Author" \
        --change 'CMD ["x", "y"]' --change 'ENV E=f "G=h i"' --change LABEL=n=o --change 'EXPOSE 99' --change 'VOLUME /v' \
        --change 'STOPSIGNAL SIGUSR1' --change 'WORKDIR sub' --change 'HEALTHCHECK --interval=5s CMD true' --change 'SHELL ["/bin/ash", "-c"]' \
        --change 'ONBUILD RUN x' --change 'USER root' c localhost/made
    run_umiak inspect --type image --format '{{.Author}}|{{json .Config.Cmd}}|{{json .Config.Entrypoint}}|{{.Config.User}}|{{.Config.WorkingDir}}|{{.Config.StopSignal}}|{{json .Config.Volumes}}' localhost/made
    is "$output" 'An Author|["x","y"]|["/bin/e"]|root|/tmp/sub|SIGUSR1|{"/v":{}}' "the configuration"
    run_umiak inspect --type image --format '{{json .Config.ExposedPorts}} {{json .Config.Labels}} {{json .Config.Env}}' localhost/made
    like "$output" '"53/udp":\{\},"80/tcp":\{\},"99/tcp":\{\}|"80/tcp":\{\},"53/udp":\{\},"99/tcp":\{\}' "ports"
    like "$output" '"l":"m"' "labels of the container"
    like "$output" '"n":"o"' "labels of --change"
    like "$output" '"A=b".*"E=f","G=h i"' "environment"
    run_umiak inspect --type image --format '{{.ManifestType}} {{json .Healthcheck}}' localhost/made
    like "$output" 'application/vnd.oci.image.manifest.v1\+json .*"CMD-SHELL","true"' "the health check survives in OCI"
    run_umiak 125 commit -q -m "a message" c localhost/refused
    like "$output" "messages are only compatible with the docker image format" "as Podman"
    run_umiak commit -q --format docker --message "a message" c localhost/docker
    run_umiak inspect --type image --format '{{.ManifestType}} {{.Comment}}' localhost/docker
    is "$output" "application/vnd.docker.distribution.manifest.v2+json a message" "docker's format"
}

@test "commit: --squash, --iidfile, --config, --include-volumes" {
    run_umiak volume create v
    run_umiak run --name c -v v:/vol -v /anon "$IMAGE" sh -c 'echo hello >/new; echo secret >/vol/secret; rm /data/file'
    run_umiak commit -q c
    run_umiak inspect --type image --format '{{json .Config.Volumes}} {{len .RootFS.Layers}}' "${lines[0]}"
    is "$output" '{"/anon":{}} 3' "only anonymous volumes"
    echo '{"Labels":{"from":"file"},"User":"17"}' >"$UMIAK_WORK/tmp/config.json"
    chmod a+r "$UMIAK_WORK/tmp/config.json"
    run_umiak commit -q --squash --include-volumes --config "$UMIAK_WORK/tmp/config.json" --iidfile "$UMIAK_WORK/tmp/iid" c localhost/made
    is "$(cat "$UMIAK_WORK/tmp/iid")" "${lines[0]}" "the id in the file"
    run_umiak inspect --type image --format '{{len .RootFS.Layers}} {{len .History}} {{.Config.User}} {{json .Config.Labels}} {{json .Config.Volumes}}' localhost/made
    like "$output" '^1 1 17 \{"from":"file"\} \{("/vol":\{\},"/anon"|"/anon":\{\},"/vol").*' "one layer"
    run_umiak run --rm --user 0 --entrypoint "" localhost/made sh -c 'cat /new; ls -A /vol; ls /data; cat /etc/motd'
    is "$output" "hello
umiak test image" "everything but volumes and deleted files"
}

@test "commit: of a running container, paused meanwhile; events; bad words" {
    run_umiak run -d --name c "$IMAGE" sh -c 'echo 1 >/one; exec sleep 100'
    cid=$output
    run_umiak commit -q --pause c localhost/made
    run_umiak inspect --format '{{.State.Status}}' c
    is "$output" running "it runs again"
    run_umiak events --stream=false --since 1m --filter event=commit --filter container=$cid --format '{{.Status}} {{.ID}}'
    is "$output" "commit $cid" "the event"
    run_umiak 125 commit -q c UPPER
    like "$output" "invalid reference format" "a bad name"
    run_umiak 125 commit -q --change 'FROM x' c localhost/x
    like "$output" 'invalid change "FROM x"' "an instruction that is not allowed"
    run_umiak 125 commit -q --format tar c localhost/x
    run_umiak 125 commit -q nosuch
    like "$output" "no such container" "no container"
    # a failed commit leaves nothing behind
    run_umiak 125 commit -q --config /nonexistent c localhost/x
    run_umiak 125 image inspect localhost/x
}

@test "commit: deterministic with a time of one's choice; a second commit of the same files is the same layer" {
    run_umiak run --name c "$IMAGE" sh -c 'echo 1 >/one'
    run_umiak commit -q c localhost/a
    run_umiak commit -q c localhost/b
    run_umiak inspect --type image --format '{{json .RootFS.Layers}}' localhost/a; a=$output
    run_umiak inspect --type image --format '{{json .RootFS.Layers}}' localhost/b
    is "$output" "$a" "the same layers"
    run_umiak system check
}
