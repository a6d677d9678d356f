# SPDX-License-Identifier: Apache-2.0
# A store on a small file system without a byte left: what needs room says so in a line, what frees some works.
load helpers

setup_file() {
    umiak_setup_file
    mkdir "$UMIAK_WORK/disk" "$UMIAK_WORK/disk-run"
    [ "$(id -u)" = 0 ] || return 0
    mount -t tmpfs -o size=40m,mode=755 none "$UMIAK_WORK/disk"
    # a file system of its own as well: no namespace that is there already shows it
    mount -t tmpfs -o size=40m,mode=700 none "$UMIAK_WORK/disk-run"
    rootless || return 0
    mkdir -m 700 "$UMIAK_WORK/disk/home"
    chown "$UMIAK_TEST_USER": "$UMIAK_WORK/disk" "$UMIAK_WORK/disk/home" "$UMIAK_WORK/disk-run"
}

teardown_file() {
    if [ "$(id -u)" = 0 ]; then
        small system reset --force || true
        ! mountpoint -q "$UMIAK_WORK/disk" || umount -l "$UMIAK_WORK/disk"
        ! mountpoint -q "$UMIAK_WORK/disk-run" || umount -l "$UMIAK_WORK/disk-run"
    fi
    umiak_teardown_file
}

teardown() {
    [ "$(id -u)" = 0 ] || return 0
    rm -f "$UMIAK_WORK/disk/filler"
    small rm -af -t0 >/dev/null
}

# umiak with its store on the small file system.
small() {
    if rootless; then
        setpriv --reuid="$(id -u "$UMIAK_TEST_USER")" --regid="$(id -g "$UMIAK_TEST_USER")" --init-groups env \
            HOME="$UMIAK_WORK/disk/home" USER="$UMIAK_TEST_USER" XDG_RUNTIME_DIR="$UMIAK_WORK/disk-run" "$UMIAK_BUILD/umiak" "$@"
    else
        "$UMIAK_BUILD/umiak" --root "$UMIAK_WORK/disk/root" --runroot "$UMIAK_WORK/disk-run" "$@"
    fi
}

fill() { dd if=/dev/zero of="$UMIAK_WORK/disk/filler" bs=64k 2>/dev/null || dd if=/dev/zero bs=4k >>"$UMIAK_WORK/disk/filler" 2>/dev/null || true; }

done_() { # ARGS...: it works
    run small "$@"
    [ "$status" = 0 ] || { echo "$*: $status: $output"; return 1; }
}

refused() { # ARGS...: one line, for want of room
    run small "$@"
    echo "$*: $status: $output"
    [ "$status" = 125 ] || [ "$status" = 126 ]
    is "${#lines[@]}" 1 "lines"
    like "${output,,}" "no space left on device" "the reason"
}

@test "full disk: what needs room says so in a line, and everything can be removed" {
    [ "$(id -u)" = 0 ] || skip "mounts a file system"
    done_ load -q -i "$UMIAK_WORK/image.tar"
    local image=localhost/latest:latest
    done_ create --name c --network none $image true
    done_ run -d --name r --network none $image sleep 1000
    done_ volume create v
    done_ secret create s "$UMIAK_WORK/layout/oci-layout"
    fill
    refused import -q "$UMIAK_WORK/image.tar" other:1
    refused create --network none $image true
    refused volume create w
    refused build -q -t made:1 --network none - <<<"FROM $image"$'\nRUN dd if=/dev/zero of=/x bs=64k count=64 2>/dev/null'
    done_ ps -a
    like "$output" "c" "listed"
    done_ images
    done_ exec r true
    done_ rm c
    done_ rm -f -t0 r
    done_ volume rm v
    done_ secret rm s
    done_ rmi $image
    is "$(small ps -aq; small images -q; small volume ls -q)" "" "all is gone"
    rm "$UMIAK_WORK/disk/filler"
    done_ system check
    done_ load -q -i "$UMIAK_WORK/image.tar"
    done_ run --rm --network none $image echo fine
    is "$output" fine "as ever"
    done_ rmi $image
}
