/* anchors.c - certificates and keys in PEM -> C source for BearSSL.
 *
 *     cc -std=c11 -O2 examples/{anchors,pem}.c -lbearssl -o anchors
 */
#include "pem.h"

#include <argp.h>
#include <err.h>
#include <stdio.h>
#include <stdlib.h>

enum { STATUS_FILE = 1, STATUS_USAGE = 2, OPT_PIN = 256 };

enum { DER_LIST = 0x30, DER_SET = 0x31, DER_OID = 0x06 };

typedef struct program {
    const char *path;
    int pin;
} program;

/* -- names for the comments ------------------------------------------------ */

/* X.520: the id-at attribute types, 2.5.4.n */
static const char *attribute(const der *oid)
{
    if (oid->n != 3 || memcmp(oid->p, "\x55\x04", 2) != 0) { return NULL; }
    switch (oid->p[2]) {
    case 3: return "CN";
    case 6: return "C";
    case 7: return "L";
    case 8: return "ST";
    case 10: return "O";
    case 11: return "OU";
    default: return NULL;
    }
}

/* ASCII as it is, but for what could end the comment. */
static void print_text(const der *text)
{
    size_t i;

    for (i = 0; i < text->n; i++) {
        const int c = text->p[i];
        (void)putchar(c < 0x20 || c > 0x7e || c == '*' || c == '\\' ? '?' : c);
    }
}

/* A Name of RFC 5280 4.1.2.4: a list of sets of pairs. */
static void print_subject(const void *data, size_t n)
{
    der in = {data, n};
    der list, set, pair, oid;
    const char *separator = "";
    const char *name;

    if (!der_take(&in, DER_LIST, &list)) { return; }
    while (der_take(&list, DER_SET, &set) && der_take(&set, DER_LIST, &pair)) {
        der text;
        name = der_take(&pair, DER_OID, &oid) ? attribute(&oid) : NULL;
        if (name && pair.n && der_take(&pair, *pair.p, &text)) {
            (void)printf("%s%s=", separator, name);
            print_text(&text);
            separator = ", ";
        }
    }
}

static const char *curve_name(int curve)
{
    switch (curve) {
    case BR_EC_secp256r1: return "P-256";
    case BR_EC_secp384r1: return "P-384";
    case BR_EC_secp521r1: return "P-521";
    default: return "of another curve";
    }
}

static void print_kind(const br_x509_pkey *key)
{
    if (key->key_type == BR_KEYTYPE_RSA) {
        (void)printf("RSA, %zu bits", key->key.rsa.nlen * 8);
    } else {
        (void)printf("EC %s", curve_name(key->key.ec.curve));
    }
}

/* -- source ---------------------------------------------------------------- */

static void print_array(const char *prefix, const char *name,
                        const unsigned char *data, size_t n)
{
    size_t i;

    (void)printf("static const unsigned char %s_%s[] = {", prefix, name);
    for (i = 0; i < n; i++) {
        (void)printf("%s0x%02x,", i % 12 ? " " : "\n    ", data[i]);
    }
    (void)puts("\n};");
}

static void print_key_arrays(const char *prefix, const br_x509_pkey *key)
{
    if (key->key_type == BR_KEYTYPE_RSA) {
        print_array(prefix, "N", key->key.rsa.n, key->key.rsa.nlen);
        print_array(prefix, "E", key->key.rsa.e, key->key.rsa.elen);
    } else {
        print_array(prefix, "Q", key->key.ec.q, key->key.ec.qlen);
    }
}

static void print_key(const char *prefix, const br_x509_pkey *key)
{
    if (key->key_type == BR_KEYTYPE_RSA) {
        (void)printf("{BR_KEYTYPE_RSA,\n"
                     "     {.rsa = {(unsigned char *)%s_N, sizeof %s_N,\n"
                     "              (unsigned char *)%s_E, sizeof %s_E}}}",
                     prefix, prefix, prefix, prefix);
    } else {
        (void)printf("{BR_KEYTYPE_EC,\n"
                     "     {.ec = {%d, (unsigned char *)%s_Q, sizeof %s_Q}}}",
                     key->key.ec.curve, prefix, prefix);
    }
}

static void print_head(const char *guard)
{
    (void)printf(
        "/* Made by the program `anchors`. */\n"
        "#ifndef %s_H\n"
        "#define %s_H\n"
        "\n"
        "#include <bearssl.h>\n"
        "\n"
        "/* BearSSL's structs point to bytes that it does not change by\n"
        " * pointers without const; so the const is cast away, and the bytes\n"
        " * stay in flash.  In C++11 naming a union's member is an extension,\n"
        " * which gcc and clang have. */\n"
        "#if defined __GNUC__\n"
        "#pragma GCC diagnostic push\n"
        "#pragma GCC diagnostic ignored \"-Wcast-qual\"\n"
        "#ifdef __cplusplus\n"
        "#pragma GCC diagnostic ignored \"-Wpragmas\"\n"
        "#pragma GCC diagnostic ignored \"-Wpedantic\"\n"
        "#pragma GCC diagnostic ignored \"-Wc++20-extensions\"\n"
        "#endif\n"
        "#endif\n",
        guard, guard);
}

static void print_tail(void)
{
    (void)puts("\n"
               "#if defined __GNUC__\n"
               "#pragma GCC diagnostic pop\n"
               "#endif\n"
               "\n"
               "#endif");
}

static void print_anchor_arrays(const br_x509_trust_anchor *a, size_t index)
{
    char prefix[32];

    (void)snprintf(prefix, sizeof prefix, "ANCHOR_%zu", index);
    (void)printf("\n/* ");
    print_subject(a->dn.data, a->dn.len);
    (void)printf("; ");
    print_kind(&a->pkey);
    (void)puts(" */");
    print_array(prefix, "DN", a->dn.data, a->dn.len);
    print_key_arrays(prefix, &a->pkey);
}

static void print_anchor(const br_x509_trust_anchor *a, size_t index)
{
    char prefix[32];

    (void)snprintf(prefix, sizeof prefix, "ANCHOR_%zu", index);
    (void)printf(
        "    {{(unsigned char *)%s_DN, sizeof %s_DN},\n     %s,\n     ", prefix,
        prefix, a->flags & BR_X509_TA_CA ? "BR_X509_TA_CA" : "0");
    print_key(prefix, &a->pkey);
    (void)puts("},");
}

static const char *make_anchors(const char *path)
{
    pem_anchors anchors;
    const char *why = pem_load_anchors(&anchors, path);
    size_t i;

    if (why) { return why; }
    if (anchors.skipped) {
        return "BearSSL does not know the key of a certificate in it";
    }
    print_head("ANCHORS");
    for (i = 0; i < anchors.count; i++) {
        print_anchor_arrays(&anchors.list[i], i);
    }
    (void)puts("\nstatic const br_x509_trust_anchor ANCHORS[] = {");
    for (i = 0; i < anchors.count; i++) { print_anchor(&anchors.list[i], i); }
    (void)printf("};\n\n#define ANCHORS_NUM %zu\n", anchors.count);
    print_tail();
    pem_free_anchors(&anchors);
    return NULL;
}

static const char *make_pin(const char *path)
{
    br_x509_pkey pin;
    const char *why = pem_load_pin(&pin, path);

    if (why) { return why; }
    print_head("PIN");
    (void)printf("\n/* ");
    print_kind(&pin);
    (void)puts(" */");
    print_key_arrays("PIN", &pin);
    (void)printf("\nstatic const br_x509_pkey PIN =\n    ");
    print_key("PIN", &pin);
    (void)puts(";");
    print_tail();
    pem_free_pin(&pin);
    return NULL;
}

/* -- command line ---------------------------------------------------------- */

static error_t parse(int key, char *arg, struct argp_state *state)
{
    program *p = state->input;

    switch (key) {
    case OPT_PIN: p->pin = 1; return 0;
    case ARGP_KEY_ARG:
        if (p->path) {
            argp_error(state, "one FILE is enough; what is %s?", arg);
        }
        p->path = arg;
        return 0;
    case ARGP_KEY_END:
        if (!p->path) { argp_error(state, "which FILE?"); }
        return 0;
    default: return ARGP_ERR_UNKNOWN;
    }
}

static const struct argp_option options[] = {
    {"pin", OPT_PIN, 0, 0,
     "Make PIN, the public key of the certificate or public key in FILE", 0},
    {0}};

static const struct argp argp = {
    options,
    parse,
    "FILE",
    "Make C source for BearSSL from a PEM file, on the standard output: "
    "ANCHORS and ANCHORS_NUM, the certificates in FILE as trust anchors."
    "\v"
    "Examples:\n"
    "  anchors roots.pem >anchors.h\n"
    "  anchors --pin server.pem >pin.h\n"
    "\n"
    "Exit status: 0; 1 FILE cannot be read or used; 2 usage.\n",
    0,
    0,
    0};

int main(int argc, char **argv)
{
    program p = {0};
    const char *why;

    argp_err_exit_status = STATUS_USAGE;
    (void)argp_parse(&argp, argc, argv, 0, NULL, &p);
    why = p.pin ? make_pin(p.path) : make_anchors(p.path);
    if (why) { errx(STATUS_FILE, "%s: %s", p.path, why); }
    if (fflush(stdout) || ferror(stdout)) {
        err(STATUS_FILE, "standard output");
    }
    return 0;
}
