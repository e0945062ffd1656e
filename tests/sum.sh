#!/bin/sh
# ... | sum.sh N - shows what N tests print; the last line is the sum of their
# counts. A test that says none has failed.
exec awk -v parts="$1" '{ print; fflush() }
    /^[0-9]+ passed, [0-9]+ failed$/ { said++; p += $1; f += $3 }
    END { f += parts - said; print p + 0 " passed, " f " failed"; exit f > 0 }'
