# What every command that the host sends may use (busybox ash).

# busybox prefers its own applets, whatever PATH says.
ip() { /bin/ip "$@"; }

# wait_for SECONDS COMMAND...: until it succeeds; 1 when it never did.
wait_for() {
    local tries=$(($1 * 10))
    shift
    while [ $tries -gt 0 ]; do
        "$@" >/dev/null 2>&1 && return 0
        usleep 100000
        tries=$((tries - 1))
    done
    return 1
}

# hub NAMES...: name spaces with an interface `lan` each, and eth0, on a bridge that floods every frame and lets the
# PAE group address through, which a bridge by itself would keep. MACs: 52:54:00:00:0a:01 for A, 0b for B, ...
hub() {
    ip link add hub type bridge stp_state 0 ageing_time 0 mcast_snooping 0
    echo 0x8 >/sys/class/net/hub/bridge/group_fwd_mask
    ip link set hub mtu "$MTU"
    for name in "$@"; do
        ip netns add $name
        ip link add v$name mtu "$MTU" type veth peer name lan netns $name
        ip -n $name link set lan address 52:54:00:00:0$(echo $name | tr A-F a-f):01 mtu "$MTU"
        ip link set v$name master hub up
        ip netns exec $name sysctl -q -w net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1
        ip -n $name link set lo up
        ip -n $name link set lan up
    done
    ip link set eth0 mtu "$MTU" up
    ip link set eth0 master hub
    ip link set hub up
}

# clean: eth0 down and nothing on it, no name spaces, nothing running.
clean() {
    for name in wpa_supplicant wpa_supplicant-256 hostapd nc; do
        killall -9 $name 2>/dev/null && wait_for 5 sh -c "! pidof $name"
    done
    ip link del macsec0 2>/dev/null
    ip link del hub 2>/dev/null
    for name in $(ls /run/netns); do
        ip link del v$name 2>/dev/null
        ip netns del $name
    done
    ip addr flush dev eth0
    ip link set eth0 down
}
