# Why this exists: two peers that Debian does not ship as binaries. hostapd there has no MACsec driver, and
# wpa_supplicant 2.10 no way to GCM-AES-256 (the choice came with 2.11); both are in the source of Debian's package.
#
# Sourced by build.sh, which has $cache and apt_install. Three lines are added to the source, marked `lab`, which an
# environment variable turns on: with PEER_CS256 set, the SAK that the peer hands out, and the macsec link that it
# makes and finds again, are of GCM-AES-256.

src_build() {
    local src=$cache/src list with_sources
    mkdir -p "$src/apt/lists/partial" "$src/apt/parts"
    apt_install dpkg-dev gcc make pkg-config libssl-dev libnl-3-dev libnl-genl-3-dev libnl-route-3-dev || return 1
    # The machine's own sources, asked for their source packages instead.
    rm -f "$src"/apt/parts/*
    for list in /etc/apt/sources.list.d/*.sources; do
        [ -e "$list" ] && sed -E 's/^Types:.*/Types: deb-src/' "$list" >"$src/apt/parts/${list##*/}"
    done
    [ -s /etc/apt/sources.list ] && sed -nE 's/^deb (.*)/deb-src \1/p' /etc/apt/sources.list >"$src/apt/parts/list.list"
    with_sources=(-q -o Dir::State::lists="$src/apt/lists" -o Dir::Etc::sourcelist=/dev/null
        -o Dir::Etc::sourceparts="$src/apt/parts" -o APT::Sandbox::User=root)
    ls "$src"/wpa_*.dsc >/dev/null 2>&1 || {
        apt-get "${with_sources[@]}" update && (cd "$src" && apt-get "${with_sources[@]}" source --download-only wpa) || return 1
    }
    rm -rf "$src/wpa"
    (cd "$src" && dpkg-source -x "$(ls -t wpa_*.dsc | head -1)" wpa) || return 1
    src_patch "$src/wpa/src" || return 1
    # CONFIG_RSN_PREAUTH brings the layer 2 code, without which hostapd's MKA runs but sends and receives nothing.
    printf '%s\n' CONFIG_RSN_PREAUTH=y CONFIG_DRIVER_WIRED=y CONFIG_DRIVER_MACSEC_LINUX=y CONFIG_MACSEC=y \
        CONFIG_LIBNL32=y CONFIG_EAP=y CONFIG_EAP_TLS=y CONFIG_TLS=openssl CONFIG_TLSV12=y CONFIG_GETRANDOM=y \
        >"$src/wpa/hostapd/.config"
    printf '%s\n' CONFIG_IEEE8021X_EAPOL=y CONFIG_DRIVER_WIRED=y CONFIG_DRIVER_MACSEC_LINUX=y CONFIG_MACSEC=y \
        CONFIG_LIBNL32=y CONFIG_EAP_TLS=y CONFIG_TLS=openssl CONFIG_TLSV12=y CONFIG_GETRANDOM=y \
        CONFIG_CTRL_IFACE=y CONFIG_BACKEND=file >"$src/wpa/wpa_supplicant/.config"
    make -s -j2 -C "$src/wpa/hostapd" hostapd && make -s -j2 -C "$src/wpa/wpa_supplicant" wpa_supplicant || return 1
    rm -rf "$cache/compiled"
    mkdir -p "$cache/compiled"
    strip -o "$cache/compiled/hostapd" "$src/wpa/hostapd/hostapd" &&
        strip -o "$cache/compiled/wpa_supplicant-256" "$src/wpa/wpa_supplicant/wpa_supplicant" || return 1
    rm -rf "$src/wpa"
}

src_patch() {
    local kay=$1/pae/ieee802_1x_kay.c driver=$1/drivers/driver_macsec_linux.c
    awk '/kay->macsec_csindex = DEFAULT_CS_INDEX;/ && seen++ == 1 {
             print "\tkay->macsec_csindex = getenv(\"PEER_CS256\") ? 1 : DEFAULT_CS_INDEX; /* lab */"; next }
         { print }' "$kay" >"$kay.new" && mv "$kay.new" "$kay"
    awk '{ print }
         /rtnl_link_macsec_set_sci\((link|needle), sci\);/ {
             which = ($0 ~ /needle/) ? "needle" : "link"
             print "\tif (getenv(\"PEER_CS256\")) /* lab */"
             print "\t\trtnl_link_macsec_set_cipher_suite(" which ", 0x0080C20001000002ULL);" }' \
        "$driver" >"$driver.new" && mv "$driver.new" "$driver"
    [ "$(cat "$kay" "$driver" | grep -c '/\* lab \*/')" = 3 ]
}
