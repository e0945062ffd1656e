/* insn.c - a plugin for QEMU that counts the instructions of a handshake:
 *
 *     -plugin insn.so,begin=ADDRESS,step=ADDRESS,end=ADDRESS
 *
 * From the function at `begin` to the next call of the one at `end`, and the
 * most from one call of the one at `step` to the next. Where it ends, two
 * lines go to stderr, as the board's own do: "insns N", "step N".
 *
 * Debian ships no header for plugins: what is used is declared here, as
 * QEMU's docs/devel/tcg-plugins.rst describes version 1. */
#include <inttypes.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXPORT __attribute__((visibility("default")))

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef void translated(qemu_plugin_id_t, struct qemu_plugin_tb *);
typedef void executed(unsigned cpu, void *user);
enum { QEMU_PLUGIN_CB_NO_REGS = 0, QEMU_PLUGIN_INLINE_ADD_U64 = 0 };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t, translated *);
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *,
                                                 size_t);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *,
                                                int operation, void *counter,
                                                uint64_t by);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *,
                                            executed *, int registers,
                                            void *user);
EXPORT int qemu_plugin_install(qemu_plugin_id_t, const void *info, int argc,
                               char **argv);

EXPORT int qemu_plugin_version = 1;

static uint64_t count;
static uint64_t begun; /* 0: not in a handshake */
static uint64_t stepped;
static uint64_t longest;

static void on_begin(unsigned cpu, void *user)
{
    (void)cpu;
    (void)user;
    begun = stepped = count;
    longest = 0;
}

static void on_step(unsigned cpu, void *user)
{
    (void)cpu;
    (void)user;
    if (count - stepped > longest) { longest = count - stepped; }
    stepped = count;
}

static void on_end(unsigned cpu, void *user)
{
    if (!begun) { return; }
    on_step(cpu, user);
    fprintf(stderr, "insns %" PRIu64 "\nstep %" PRIu64 "\n", count - begun,
            longest);
    begun = 0;
}

static struct mark {
    const char *name;
    executed *call;
    uint64_t address;
} marks[] = {
    {"begin=", on_begin, 0}, {"step=", on_step, 0}, {"end=", on_end, 0}};

/* Bit 0 of a symbol's value, not of its address. */
#define THUMB UINT64_C(1)

enum { MARKS = sizeof marks / sizeof marks[0] };

static void translate(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    const size_t n = qemu_plugin_tb_n_insns(tb);
    struct qemu_plugin_insn *insn;
    size_t i, k;

    (void)id;
    for (i = 0; i < n; i++) {
        insn = qemu_plugin_tb_get_insn(tb, i);
        qemu_plugin_register_vcpu_insn_exec_inline(
            insn, QEMU_PLUGIN_INLINE_ADD_U64, &count, 1);
        for (k = 0; k < MARKS; k++) {
            if (qemu_plugin_insn_vaddr(insn) != marks[k].address) { continue; }
            qemu_plugin_register_vcpu_insn_exec_cb(
                insn, marks[k].call, QEMU_PLUGIN_CB_NO_REGS, NULL);
        }
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const void *info, int argc,
                        char **argv)
{
    size_t k, len;
    int i;

    (void)info;
    for (k = 0; k < MARKS; k++) {
        len = strlen(marks[k].name);
        for (i = 0; i < argc; i++) {
            if (strncmp(argv[i], marks[k].name, len) == 0) {
                marks[k].address = strtoull(argv[i] + len, NULL, 16) & ~THUMB;
            }
        }
        if (!marks[k].address) { return -1; }
    }
    qemu_plugin_register_vcpu_tb_trans_cb(id, translate);
    return 0;
}
