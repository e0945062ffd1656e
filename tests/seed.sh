#!/bin/sh
# seed.sh BUILD - the tests of the seed keeper, with an image of the store made
# by the README's recipe for the factory.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0} on && /record|store.bin/' \
    README.md >"$dir/recipe.sh"
(cd "$dir" && sh -eu recipe.sh)
"$1/asan/seed" "$dir/store.bin"
