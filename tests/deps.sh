#!/bin/sh
# deps.sh PACKAGE... - installs the Debian packages that are missing, quietly.
# Without root or sudo it prints the line to run and fails.
set -eu

missing=
for package; do
    dpkg-query -W -f '${Status}' "$package" 2>/dev/null |
        grep -q 'install ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    as_root='sudo -n'
    if ! $as_root true 2>/dev/null; then
        echo "Please install what is missing, then try again:" >&2
        echo "    sudo apt-get install$missing" >&2
        exit 1
    fi
fi
echo "installing$missing"
options='-qq -o DPkg::Lock::Timeout=600 -o Acquire::Retries=3'
log=$(mktemp)
trap 'rm -f "$log"' EXIT
# A server that a package brings must not start by itself: tests start their
# own. The policy is taken back afterwards.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | $as_root tee "$policy" >/dev/null
    $as_root chmod 755 "$policy"
    trap 'rm -f "$log"; $as_root rm -f "$policy"' EXIT
fi
if ! { $as_root apt-get $options update &&
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get $options install -y \
        --no-install-recommends $missing; } >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    exit 1
fi
