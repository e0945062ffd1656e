#!/bin/sh
# bearssl.sh DIR - Debian's source of BearSSL, unpacked in DIR. It comes from the
# system's own package sources, in a private list: what is installed does not
# change. apt checks the signatures.
set -eu

dir=${1:?usage: bearssl.sh DIR}
[ ! -e "$dir/inc/bearssl.h" ] || exit 0
mkdir -p "$(dirname "$dir")"
dir=$(cd "$(dirname "$dir")" && pwd)/$(basename "$dir")

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/cache/partial" "$work/sources" \
    "$work/package"
for file in /etc/apt/sources.list /etc/apt/sources.list.d/*; do
    name=$(basename "$file")
    case $file in
    *.list) sed -n 's/^deb\([[:space:]]\)/deb-src\1/p' "$file" ;;
    *.sources) sed 's/^Types:.*/Types: deb-src/' "$file" ;;
    *) continue ;;
    esac >"$work/sources/$name" 2>/dev/null || :
done

private() {
    apt-get -qq -o Dir::Etc::sourcelist=/dev/null \
        -o Dir::Etc::sourceparts="$work/sources" \
        -o Dir::State::lists="$work/lists" -o Dir::Cache="$work/cache" \
        -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 "$@"
}
cd "$work/package"
# a source that has no deb-src, or is not Debian's, may fail here
private update >"$work/log" 2>&1 || :
private --download-only source bearssl >>"$work/log" 2>&1 || {
    tail -n 20 "$work/log" >&2
    exit 1
}
mkdir "$work/source"
tar -xf bearssl_*.orig.tar.* -C "$work/source" --strip-components=1
rm -rf "$dir"
mv "$work/source" "$dir"
