#!/bin/bash
# nnrpd.sh - INN's nnrpd, the part that talks to readers, alone. There is one
# group, estls.test, with two articles.
set -u
. "$(dirname "$0")/common.sh"

# inn2 wants a mail server and a full name for the machine; its library is in
# inn2-inews.
packages() {
    cat <<'END'
unpack inn2
unpack inn2-inews
install libcanlock3
install libperl5.36
install libpython3.11
install libsasl2-2
install libsqlite3-0
install libssl3
install zlib1g
END
}

news=$unpacked/inn2/usr/lib/news
libraries=$news:$unpacked/inn2-inews/usr/lib/news

# article NUMBER TEXT
article() {
    cat <<END
Path: news.example.test!not-for-mail
From: sensor@example.test
Newsgroups: estls.test
Subject: reading $1
Date: Wed, 01 Jan 2020 00:00:0$1 +0000
Message-ID: <reading-$1@example.test>
Xref: news.example.test estls.test:$1
Lines: 1

$2
END
}

write_conf() {
    cat <<END
mta: "/bin/true %s"
organization: "estls"
pathhost: news.example.test
domain: example.test
fromhost: example.test
runasuser: news
runasgroup: news
ovmethod: tradindexed
hismethod: hisv6
pathnews: $news
pathbin: $news/bin
pathfilter: $dir
pathetc: $dir/etc
pathdb: $dir/db
pathlog: $dir/db
pathrun: $dir/db
pathtmp: $dir/db
pathspool: $dir/spool
patharticles: $dir/spool/articles
pathoverview: $dir/spool/overview
tlscafile: $dir/cert.pem
tlscertfile: $dir/cert.pem
tlskeyfile: $dir/key.pem
tlsprotocols: [ TLSv1.2 TLSv1.3 ]
END
}

inn() {
    env INNCONF="$dir/etc/inn.conf" LD_LIBRARY_PATH="$libraries" \
        "${as[@]}" "$news/bin/$1" "${@:2}"
}

write_spool() {
    local group=$dir/spool/articles/estls/test

    mkdir -p "$dir/etc" "$dir/db" "$group" "$dir/spool/overview" || return
    write_conf >"$dir/etc/inn.conf"
    printf 'method tradspool {\n newsgroups: *\n class: 0\n}\n' \
        >"$dir/etc/storage.conf"
    printf '/remember/:10\n*:A:never:never:never\n' >"$dir/etc/expire.ctl"
    cat >"$dir/etc/readers.conf" <<'END'
auth all { hosts: "*" default: "<all>" }
access all { users: "<all>" newsgroups: "*" access: RP }
END
    echo 'estls.test 0000000002 0000000001 y' >"$dir/db/active"
    echo 'estls.test 1577836800 nobody' >"$dir/db/active.times"
    printf 'estls.test\tfor tests\n' >"$dir/db/newsgroups"
    : >"$dir/db/history"
    article 1 'It is 3 cm deep.' >"$group/1"
    article 2 'It is 4 cm deep.' >"$group/2"
    chown -R news:news "$dir/etc" "$dir/db" "$dir/spool"
}

prepare() {
    rm -rf "$dir/spool" "$dir/db"
    keys news && write_spool || return
    as_user news
    cd "$dir/db" || return
    inn makedbz -i -o -f "$dir/db/history" && inn makehistory -O -b
}

configure() {
    server=(env INNCONF="$dir/etc/inn.conf" LD_LIBRARY_PATH="$libraries"
        "$news/bin/nnrpd" -D -f -b 127.0.0.1 -p "$port"
        -c "$dir/etc/readers.conf")
}

services() { echo "nntp $port"; }

main "$@"
