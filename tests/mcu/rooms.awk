# rooms.awk - estls.h without the implementation of the rooms in -v without,
# for compilers that keep what nobody calls.
/^#if defined ESTLS_IMPLEMENTATION/ { inside = 1 }
/^\/\* =====/ {
    rule = $0
    getline
    skip = inside && index(" " without " ", " " substr($2, 3) " ")
    if (!skip) { print rule }
}
/^#ifndef ESTLS_NO_TLS|^#endif \/\* ESTLS/ { skip = 0 }
!skip { print }
