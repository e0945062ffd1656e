#!/bin/sh
# seed.sh BUILD - the tests of the seed keeper, with a store from the factory.
set -eu

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
tests/store.sh "$dir"
"$1/asan/seed" "$dir/store.bin"
