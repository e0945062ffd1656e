#!/bin/bash
# install.sh BUILD [SERVER...] - installs what the servers need, by default all
# of them; packages that cannot be installed beside another, or that want more
# of the machine than a test has, are unpacked to BUILD/servers/PACKAGE. The
# scripts have to be told by ESTLS_SERVERS=BUILD/servers, unless BUILD is
# `build` in the top folder.
set -u

top=$(cd "$(dirname "$0")/../.." && pwd)
[ $# -ge 1 ] || {
    echo 'usage: install.sh BUILD [SERVER...]' >&2
    exit 2
}
mkdir -p "$1/servers" && into=$(cd "$1/servers" && pwd) || exit 1
shift

all_servers() {
    grep -l '^main ' "$top"/tests/servers/*.sh | sed 's|.*/||; s|\.sh$||'
}

lines() {
    local each

    for each; do
        "$top/tests/servers/$each.sh" packages || return
    done
}

# wanted WORD: the packages of such lines
wanted() { sed -n "s/^$1 //p" <<<"$packages" | sort -u; }

# apt and the packages it knows of may be out of date, or it knows of none.
apt() { apt-get -qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3 "$@"; }
download() {
    local option=APT::Sandbox::User=root # else it complains about the folder

    apt -o $option download "$1" ||
        { apt update && apt -o $option download "$1"; }
}

# unpack PACKAGE: below another name until it is complete
unpack() {
    local log=$into/$1.log

    [ ! -d "$into/$1" ] || return 0
    echo "unpacking $1"
    rm -rf "$into/$1.new" && mkdir "$into/$1.new" || return
    (
        cd "$into/$1.new" && download "$1" && dpkg -x ./*.deb . && rm ./*.deb
    ) >"$log" 2>&1 || {
        tail -n 20 "$log" >&2
        return 1
    }
    rm "$log" && mv "$into/$1.new" "$into/$1"
}

# shellcheck disable=SC2046
[ $# -gt 0 ] || set -- $(all_servers)
packages=$(lines "$@") || exit 1
# shellcheck disable=SC2046
"$top/tests/deps.sh" $(wanted install) || exit 1
for package in $(wanted unpack); do
    unpack "$package" || exit 1
done
