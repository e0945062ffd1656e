# shellcheck shell=bash
# common.sh - what the scripts of the servers have in common; they source it.
#
#     X.sh packages        what to install, for install.sh
#     X.sh start DIR PKI   starts the server; prints PROTO PORT for each service
#     X.sh stop DIR        ends it, and all processes of it
#
# `start` makes DIR, which every user must be able to reach: most servers give
# up root. All that the server writes is there, its certificate is PKI/ec.pem.
# The names:
#     DIR/ports   as printed         DIR/out   what the server says
#     DIR/pid     its main process   DIR/log   its log, if it keeps another
#
# A script has these functions:
#     packages     lines `install PKG` and `unpack PKG`
#     prepare      writes to $dir what does not depend on the ports
#     configure    writes the rest for the ports from $port on, sets `server`,
#                  the command that runs it in the foreground
#     services     lines `PROTO PORT`
#     is_ready     optional: more to wait for than open ports
#     main_process optional: prints the pid of the process that ends the others,
#                  if that is not the one that was started
# It may set `span`, how many ports in a row it needs, and ends with
#     main "$@"

top=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$top/tests/lib.sh"
PATH=$PATH:/usr/sbin:/sbin
umask 022

HOST=mail.example.test
span=8
# where install.sh has put what is not installed but unpacked
unpacked=${ESTLS_SERVERS:-$top/build/servers}

is_ready() { :; }
main_process() { echo "$pid"; }

# -- for `prepare` ------------------------------------------------------------

# keys OWNER: copies for who cannot read those of the PKI
keys() {
    install -m 644 "$pki/ec.pem" "$dir/cert.pem" &&
        install -m 600 -o "$1" "$pki/ec.key" "$dir/key.pem"
}

# need_user NAME: a package that is only unpacked has not made its user
need_user() {
    getent passwd "$1" >/dev/null ||
        useradd -r -d /nonexistent -s /usr/sbin/nologin "$1"
}

# as_user NAME: sets `as`, the words that go before a command
as_user() {
    as=(setpriv "--reuid=$1" "--regid=$(id -g "$1")" --init-groups)
}

# A folder for FTP: anybody may read it, and write to in/.
ftp_folder() {
    mkdir -p "$dir/ftp/in" &&
        chmod 1777 "$dir/ftp/in" &&
        seq 20000 >"$dir/ftp/numbers.txt"
}

# -- ports --------------------------------------------------------------------

# busy PORT: something listens there, or has not long ago
busy() {
    local hex

    hex=$(printf ':%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v end="$hex\$" '$2 ~ end { found = 1 } END { exit !found }'
}

# Sets `port`, the first of $span that are free. They are below those that the
# kernel gives to clients.
choose_ports() {
    local try each

    for ((try = 0; try < 50; try++)); do
        port=$((10000 + (RANDOM * 32768 + RANDOM) % (20000 - span)))
        for ((each = port; each < port + span; each++)); do
            ! busy $each || continue 2
        done
        return 0
    done
    return 1
}

# listeners PORT: the inodes of sockets that listen there, and their addresses
listeners() {
    local hex

    hex=$(printf ':%04X' "$1")
    cat /proc/net/tcp /proc/net/tcp6 2>/dev/null |
        awk -v end="$hex\$" '$2 ~ end && $4 == "0A" { print $10, $2 }'
}

# has_socket INODE: it is a process of this server that has it
has_socket() {
    local each

    for each in $(processes "$pid"); do
        ! find "/proc/$each/fd" -lname "socket:\[$1\]" 2>/dev/null |
            grep -q . || return 0
    done
    return 1
}

# A server that finds its port taken may go on without it, so it is not enough
# that somebody listens. Only 127.0.0.1 will do.
listens() {
    local inode address

    read -r inode address < <(listeners "$1")
    [ "${address%:*}" = 0100007F ] && has_socket "$inode"
}

# stolen: another process has one of the ports
stolen() {
    local name number inode address

    while read -r name number; do
        read -r inode address < <(listeners "$number") || continue
        has_socket "$inode" || return 0
    done < <(services)
    return 1
}

# taken: of this server, which has ended, nothing listens any more
taken() {
    local each

    for ((each = port; each < port + span; each++)); do
        [ -z "$(listeners $each)" ] || return 0
    done
    return 1
}

# accepts PORT
accepts() { (: <>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; }

# -- processes ----------------------------------------------------------------

# processes PID: those of its session, and all that descend from it, as some
# make sessions of their own
processes() {
    cat /proc/[0-9]*/stat 2>/dev/null | awk -v first="$1" '
        {
            pid = $1
            sub(/^.*\) /, "")
            if ($1 == "Z") next
            parent[pid] = $2
            if (pid == first || $4 == first) ours[pid] = 1
        }
        END {
            do {
                more = 0
                for (pid in parent)
                    if (!(pid in ours) && parent[pid] in ours) {
                        ours[pid] = 1
                        more = 1
                    }
            } while (more)
            for (pid in ours) print pid
        }'
}

# born PID: so that another process that gets the same number is known
born() {
    local stat

    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 1
    # shellcheck disable=SC2086
    set -- ${stat##*) }
    echo "${20}"
}

none_alive() {
    local each

    for each; do ! alive "$each" || return 1; done
}

# -- the server ---------------------------------------------------------------

launch() {
    rm -f "$dir/log"
    setsid "${server[@]}" >"$dir/out" 2>&1 </dev/null &
    pid=$!
    remember
}

remember() {
    echo "$pid" >"$dir/pid"
    born "$pid" >"$dir/born"
}

# Up, or gone, or with a port that somebody else has: each ends the wait.
settled() {
    gone "$pid" || is_up || { stolen && sleep 0.2 && stolen; }
}

is_up() {
    local name number

    while read -r name number; do
        listens "$number" || return 1
    done < <(services)
    is_ready
}

# A connection to each service is left in the server's log.
comes_up() {
    local name number

    wait_for 60 settled
    alive "$pid" && is_up || return
    while read -r name number; do
        accepts "$number" || return 1
    done < <(services)
}

show_logs() {
    local each

    for each in "$dir/prepare" "$dir/out" "$dir/log"; do
        [ ! -s "$each" ] || tail -n 40 "$each"
    done >&2
}

# server_start DIR PKI
server_start() {
    local try

    mkdir -p "$1" && dir=$(cd "$1" && pwd) && pki=$(cd "$2" && pwd) || return
    chmod 755 "$dir"
    server_stop "$dir" || return
    if ! (prepare) >"$dir/prepare" 2>&1; then
        show_logs
        return 1
    fi
    for try in 1 2 3 4 5; do
        choose_ports && configure && launch || return
        if comes_up; then
            pid=$(main_process) && remember
            services | tee "$dir/ports"
            return
        fi
        server_stop "$dir"
        # Was somebody else quicker? Elsewhere, then.
        taken || break
    done
    show_logs
    return 1
}

# remaining FIRST PID...: those of them that live, and what has come since
remaining() {
    local each

    for each in $(processes "$1") "${@:2}"; do
        ! alive "$each" || echo "$each"
    done
}

# all_ended FIRST PID...
all_ended() { [ -z "$(remaining "$@")" ]; }

# end_all FIRST PID...: TERM for the first, which ends the others; what has
# outlived it gets another
end_all() {
    local signal all

    all=$(remaining "$@")
    kill "$1" 2>/dev/null
    wait_for 8 gone "$1"
    # shellcheck disable=SC2086
    for signal in TERM KILL KILL KILL; do
        ! wait_for 1 all_ended "$1" $all || return 0
        all=$(remaining "$1" $all)
        kill -$signal $all
    done 2>/dev/null
    return 1
}

# server_stop DIR
server_stop() {
    local first same

    dir=$1
    first=$(cat "$dir/pid" 2>/dev/null) || return 0
    same=$(born "$first")
    # Its number is nobody else's as long as its session has processes.
    if [ -z "$same" ] || [ "$same" = "$(<"$dir/born")" ]; then
        # shellcheck disable=SC2046
        end_all "$first" $(processes "$first") || return
    fi
    rm -f "$dir/pid" "$dir/born" "$dir/ports"
}

main() {
    case ${1:-}:$# in
    packages:1) packages ;;
    start:3) server_start "$2" "$3" ;;
    stop:2) server_stop "$2" ;;
    *)
        echo "usage: ${0##*/} packages | start DIR PKI | stop DIR" >&2
        exit 2
        ;;
    esac
}
