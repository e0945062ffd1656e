/* ec_memo.h - elliptic curves that remember. A test that runs the same
 * handshake a thousand times, from the same seeds, spends nearly all of its
 * time on the same points; here each is computed once. What is asked for the
 * first time goes to BearSSL. Never for anything but tests. */
#ifndef EC_MEMO_H
#define EC_MEMO_H

#include <bearssl.h>

extern const br_ec_impl ec_memo; /* the curves of br_ec_all_m31 */

#endif
