# SPDX-License-Identifier: Apache-2.0
# far.bash - another machine at the end of the wire of root's test host: a network namespace and a veth pair (wire0 here,
# wire1 there). Behind umiak_setup_file: far_start ADDRESS; before umiak_teardown_file: far_stop. `far COMMAND...` runs there.

far() { nsenter --net="$UMIAK_WORK/far" -- "$@"; }

far_start() { # ADDRESS/PREFIX of the far end
    touch "$UMIAK_WORK/far"
    unshare --net="$UMIAK_WORK/far" ip link set lo up
    netns_exec ip link add wire0 type veth peer name wire1
    netns_exec ip link set wire1 netns "$UMIAK_WORK/far"
    netns_exec ip link set wire0 up
    far ip addr add "$1" dev wire1
    far ip link set wire1 up
}

far_stop() { umount "$UMIAK_WORK/far"; }
