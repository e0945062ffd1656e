#!/bin/sh
# store.sh DIR - DIR/store.bin, a seed keeper's store, by the README's recipe
# for the factory.
set -eu

recipe=$(awk '/^```sh$/ {on = 1; next} /^```$/ {on = 0}
    on && /record|store.bin/' README.md)
cd "$1"
eval "$recipe"
