/* bearssl_quiet.h - <bearssl.h> with its own warnings kept silent. */
#ifndef BEARSSL_QUIET_H
#define BEARSSL_QUIET_H

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wconversion"
#pragma GCC diagnostic ignored "-Wsign-conversion"
#pragma GCC diagnostic ignored "-Wcast-qual"
#pragma GCC diagnostic ignored "-Wundef"
#include <bearssl.h>
#pragma GCC diagnostic pop

#endif
