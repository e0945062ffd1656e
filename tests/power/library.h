/* library.h - >>tx as the programs of this directory include it. */
#ifndef LIBRARY_H
#define LIBRARY_H
#define ESTLS_NO_TLS
#define ESTLS_STATIC
#define ESTLS_IMPLEMENTATION
#include "../../estls.h"

/* A reading's whole mV. */
static inline uint16_t library_mV(double mV)
{
    return (uint16_t)(mV < 0 ? 0 : mV + 0.5);
}
#endif
