#!/bin/sh
# modes.sh [cross] - the header in every mode, with gcc and clang, and with the
# cross compilers. Prints one line per mode; a compiler that is missing is
# skipped.
set -u
cd "$(dirname "$0")/.."
top=$(pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
passed=0 failed=0
cross=${1:-}
only=-fsyntax-only # another front end, the same optimiser
[ -z "$cross" ] || only=-O1

# mode NAME COMMAND...: the command succeeds and says nothing
mode() {
    name=$1
    shift
    if "$@" >"$dir/log" 2>&1 && [ ! -s "$dir/log" ]; then
        passed=$((passed + 1))
        echo "ok    $name"
    else
        failed=$((failed + 1))
        echo "FAIL  $name"
        sed 's/^/          /' "$dir/log" | head -n 12
    fi
}

# compiles COMMAND...: succeeds, whatever it warns about
compiles() {
    "$@" >"$dir/compiler" 2>&1 || cat "$dir/compiler"
}

# refuses WORD COMMAND...: fails, and says this word
refuses() {
    word=$1
    shift
    ! "$@" >"$dir/compiler" 2>&1 && grep -q "$word" "$dir/compiler"
}

# have COMPILER WHAT
have() {
    case $1$cross in
    gcc | clang | g++ | clang++ | *cross) ;;
    *) return 1 ;;
    esac
    command -v "$1" >/dev/null && return 0
    echo "      $2: skipped, no $1"
    return 1
}

warnings="-Wall -Wextra -Wpedantic -Wconversion -Wsign-conversion -Wshadow
    -Wundef -Wcast-qual -Werror"
c_warnings="$warnings -Wstrict-prototypes"

# -- sources ------------------------------------------------------------------
include="#include \"$top/estls.h\""
# unit NAME [MACRO...]: a file that defines them and includes the header
unit() {
    out=$dir/$1
    shift
    {
        for macro in "$@"; do echo "#define $macro"; done
        echo "$include"
        echo "$include"
    } >"$out"
}
unit full.c ESTLS_IMPLEMENTATION
unit static.c ESTLS_IMPLEMENTATION ESTLS_STATIC
unit no_tls.c ESTLS_IMPLEMENTATION ESTLS_NO_TLS
unit plain.c
unit plain_no_tls.c ESTLS_NO_TLS
for name in full static no_tls; do cp "$dir/$name.c" "$dir/$name.cpp"; done
echo 'int estls_other_file(void); int estls_other_file(void) { return 1; }' \
    >"$dir/other"

# -- gcc and clang: every standard, every mode --------------------------------
for cc in gcc clang; do
    have $cc "C" || continue
    for unit in full static no_tls plain plain_no_tls; do
        # shellcheck disable=SC2086
        mode "$cc c99 $unit" $cc -std=c99 $c_warnings -O1 -c "$dir/$unit.c" \
            -o "$dir/$unit.$cc.o"
        for std in c11 c17; do
            # shellcheck disable=SC2086
            mode "$cc $std $unit" $cc -std=$std $c_warnings $only \
                -c "$dir/$unit.c" -o "$dir/$unit.$cc.o"
        done
    done
    mode "$cc -O2 full" $cc -std=c99 $c_warnings -O2 -c "$dir/full.c" \
        -o "$dir/full.$cc.o"
    mode "$cc -Os no_tls" $cc -std=c99 $c_warnings -Os -c "$dir/no_tls.c" \
        -o "$dir/no_tls.$cc.o"
done
for cxx in g++ clang++; do
    have $cxx "C++" || continue
    for name in full static no_tls; do
        mode "$cxx c++11 $name" $cxx -std=c++11 $warnings -O1 \
            -c "$dir/$name.cpp" -o "$dir/$name.$cxx.o"
    done
done

# -- microcontrollers ---------------------------------------------------------
flags="-std=c99 -Wall -Wextra -Werror -Os -c -o $dir/cross.o"
if have avr-gcc "AVR"; then
    mode "avr-gcc atmega328p no_tls" avr-gcc $flags -mmcu=atmega328p \
        "$dir/no_tls.c"
    if [ -e /usr/include/bearssl.h ]; then
        mkdir "$dir/bearssl"
        ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/bearssl/"
        # $1: an implementation of Poly1305 that a program names
        names_poly1305() {
            printf '%s\nbr_poly1305_run poly1305 = br_poly1305_%s_run;\n' \
                "$include" "$1" >"$dir/names.c"
            avr-gcc $flags -mmcu=atmega2560 -I"$dir/bearssl" "$dir/names.c"
        }
        mode "avr-gcc atmega2560 full" avr-gcc $flags -mmcu=atmega2560 \
            -I"$dir/bearssl" "$dir/full.c"
        mode "avr-gcc: br_poly1305_i15_run may be named" names_poly1305 i15
        mode "avr-gcc: br_poly1305_ctmul32_run may not" refuses 'poisoned' \
            names_poly1305 ctmul32
        for client in smtp ftp seed_eeprom; do
            mode "avr-gcc atmega2560 examples/$client.c" avr-gcc $flags \
                -mmcu=atmega2560 -I"$dir/bearssl" "$top/examples/$client.c"
        done
    fi
fi
if have arm-none-eabi-gcc "ARM"; then
    arm="arm-none-eabi-gcc $flags -mcpu=cortex-m0plus -mthumb"
    mode "arm-none-eabi-gcc cortex-m0plus no_tls" $arm "$dir/no_tls.c"
    if [ -e /usr/include/bearssl.h ]; then
        # the header of the host's BearSSL is portable; its other headers,
        # found last, are not used
        mode "arm-none-eabi-gcc cortex-m0plus full" $arm \
            -idirafter /usr/include "$dir/full.c"
        for client in smtp ftp; do
            mode "arm-none-eabi-gcc cortex-m0plus examples/$client.c" $arm \
                -idirafter /usr/include "$top/examples/$client.c"
        done
    fi
fi
if have xtensa-lx106-elf-gcc "Xtensa"; then
    # it has no C library: what the header needs of one
    mkdir "$dir/xtensa"
    cat >"$dir/xtensa/string.h" <<'END'
#include <stddef.h>
void *memcpy(void *, const void *, size_t);
void *memmove(void *, const void *, size_t);
void *memset(void *, int, size_t);
void *memchr(const void *, int, size_t);
int memcmp(const void *, const void *, size_t);
size_t strlen(const char *);
END
    xtensa="xtensa-lx106-elf-gcc $flags -ffreestanding -I$dir/xtensa"
    mode "xtensa-lx106-elf-gcc no_tls" $xtensa "$dir/no_tls.c"
    if [ -e /usr/include/bearssl.h ]; then
        ln -s /usr/include/bearssl /usr/include/bearssl.h "$dir/xtensa/"
        mode "xtensa-lx106-elf-gcc full" $xtensa "$dir/full.c"
    fi
fi
# SDCC warns about code that it finds unreachable because it is constant; what
# counts is that it compiles.
if have sdcc "SDCC"; then
    for target in "-mstm8" "-mz80" "-mmcs51 --model-large --stack-auto"; do
        # shellcheck disable=SC2086
        mode "sdcc $target no_tls" compiles sdcc $target --std-c99 \
            -c "$dir/no_tls.c" -o "$dir/sdcc.rel"
    done
fi

# -- files with different macros, linked together -----------------------------
# user NAME [MACRO...]: calls into the library
user() {
    name=$1
    shift
    unit "$name" "$@"
    cat >>"$dir/$name" <<END
const char *${name%.c}(void);
const char *${name%.c}(void) { return estls_strerror(ESTLS_BUSY); }
END
}
user user_a.c
user user_b.c ESTLS_NO_TLS
user user_s.c ESTLS_IMPLEMENTATION ESTLS_STATIC
user user_t.c ESTLS_IMPLEMENTATION ESTLS_STATIC ESTLS_NO_TLS
cat >"$dir/main_ab.c" <<'END'
const char *user_a(void);
const char *user_b(void);
int main(void) { return user_a() != user_b(); }
END
cat >"$dir/main_st.c" <<'END'
const char *user_s(void);
const char *user_t(void);
int main(void) { return *user_s() != *user_t(); }
END

# built MAIN FILES...: links with BearSSL and runs
built() {
    $cc -std=c99 $c_warnings -O1 "$@" -o "$dir/program" -lbearssl &&
        "$dir/program"
}
for cc in gcc clang; do
    have $cc "linking" || continue
    mode "$cc: one file implements, two others differ in NO_TLS" built \
        "$dir/main_ab.c" "$dir/user_a.c" "$dir/user_b.c" "$dir/full.c"
    mode "$cc: the same without the implementation's TLS" built \
        "$dir/main_ab.c" "$dir/user_a.c" "$dir/user_b.c" "$dir/no_tls.c"
    mode "$cc: ESTLS_STATIC in two files" built \
        "$dir/main_st.c" "$dir/user_s.c" "$dir/user_t.c"
done

# -- symbols ------------------------------------------------------------------
# each prints what is not allowed
exports() {
    nm -g --defined-only "$1" | awk '$3 !~ /^estls_/ || $2 != "T"'
}
exports_any() {
    nm -g --defined-only "$1"
}
writable() {
    nm "$1" | awk '$2 ~ /^[bBdDcCsSgG]$/'
}
needs() {
    nm -u "$1" | awk -v ok="$2" '$2 !~ "^(" ok ")$"'
}
# clang turns memcmp for equality into bcmp
memory='bcmp|mem(cpy|move|set|cmp|chr)|strlen'

for cc in gcc clang; do
    have $cc "symbols" || continue
    for name in full no_tls static; do
        # without -fno-pie, const tables of pointers count as data
        $cc -std=c99 -O1 -fno-pie -c "$dir/$name.c" -o "$dir/$name.o"
        mode "$cc $name: no writable data" writable "$dir/$name.o"
    done
    mode "$cc full: 40 or more functions" \
        test "$(nm -g --defined-only "$dir/full.o" | wc -l)" -ge 40
    mode "$cc full: exports only functions estls_*" exports "$dir/full.o"
    mode "$cc no_tls: exports only functions estls_*" exports "$dir/no_tls.o"
    mode "$cc static: exports nothing" exports_any "$dir/static.o"
    mode "$cc full: needs only br_*, mem*, strlen" needs "$dir/full.o" \
        "br_[a-z0-9_]+|$memory"
    mode "$cc no_tls: needs only mem*, strlen" needs "$dir/no_tls.o" "$memory"
done
if have avr-gcc "AVR symbols"; then
    avr-gcc -std=c99 -Os -mmcu=atmega328p -c "$dir/no_tls.c" -o "$dir/avr.o"
    mode "avr-gcc no_tls: needs only mem*, strlen, libgcc" needs "$dir/avr.o" \
        "$memory|__[a-z0-9_]+"
fi

# -- sizes: a struct is the same, whatever macros its file has ----------------
# types FILE: the public structs it declares
types() {
    sed '/^#if defined ESTLS_IMPLEMENTATION/,$d' "$1" |
        sed -n 's/^\(typedef struct\|}\) \(estls[a-z_]*\)\(;\| {.*\)$/\2/p' |
        sort -u
}
sed '/^ \* >>tls /,$d' estls.h >"$dir/lower"

# sizes TYPES MACRO...: "type size" per line
sizes() {
    list=$1
    shift
    unit sizes.c "$@"
    {
        echo '#include <stdio.h>'
        echo 'int main(void) {'
        for type in $list; do
            printf 'printf("%s %%lu\\n", (unsigned long)sizeof(%s));\n' \
                "$type" "$type"
        done
        echo 'return 0; }'
    } >>"$dir/sizes.c"
    $cc -std=c99 "$dir/sizes.c" -o "$dir/sizes" -lbearssl && "$dir/sizes"
}
for cc in gcc clang; do
    have $cc "sizes" || continue
    all=$(types estls.h)
    lower=$(types "$dir/lower")
    sizes "$all" >"$dir/want"
    sizes "$lower" >"$dir/want_lower"
    mode "$cc: $(wc -l <"$dir/want") public structs" \
        test "$(wc -l <"$dir/want")" -ge 15
    sizes "$all" ESTLS_IMPLEMENTATION >"$dir/got"
    mode "$cc: sizes with ESTLS_IMPLEMENTATION" cmp "$dir/want" "$dir/got"
    sizes "$all" ESTLS_IMPLEMENTATION ESTLS_STATIC >"$dir/got"
    mode "$cc: sizes with ESTLS_STATIC" cmp "$dir/want" "$dir/got"
    sizes "$all" 'ESTLS_PROFILE estls_small' 'ESTLS_NOT_BEFORE 1' >"$dir/got"
    mode "$cc: sizes with ESTLS_PROFILE, ESTLS_NOT_BEFORE" \
        cmp "$dir/want" "$dir/got"
    sizes "$lower" ESTLS_NO_TLS >"$dir/got"
    mode "$cc: sizes with ESTLS_NO_TLS ($(wc -l <"$dir/got") structs)" \
        cmp "$dir/want_lower" "$dir/got"
done

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
