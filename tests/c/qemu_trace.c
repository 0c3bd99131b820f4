/* qemu_trace.c - a plugin for qemu-user: writes down what a program executes, and where it reads and writes.
 *
 * The file is a list of numbers of 64 bits: the address of each instruction executed, and behind it those of the
 * memory that it touched, with bit 63 set. The program turns it on and off by a system call that no system has, with
 * 1 and 0. Two runs with other secrets must give the same file: then no branch and no address depends on them, which
 * valgrind would show on a machine of that kind.
 *
 *   qemu-aarch64 -plugin ./qemu_trace.so,out=FILE PROGRAM ...
 *
 * What is needed of qemu's plugin interface, version 1, is declared here, so that its header is not needed.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#define SYS_TRACE 7777 /* and gcm_secrets.c */

struct qemu_plugin_tb;
struct qemu_plugin_insn;
typedef uint64_t plugin_id;

size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t i);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_tb_trans_cb(plugin_id id, void (*cb)(plugin_id, struct qemu_plugin_tb *));
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, void *), int flags,
                                            void *data);
void qemu_plugin_register_vcpu_mem_cb(struct qemu_plugin_insn *insn, void (*cb)(unsigned, uint32_t, uint64_t, void *),
                                      int flags, int read_and_write, void *data);
void qemu_plugin_register_vcpu_syscall_cb(plugin_id id,
                                          void (*cb)(plugin_id, unsigned, int64_t, uint64_t, uint64_t, uint64_t,
                                                     uint64_t, uint64_t, uint64_t, uint64_t, uint64_t));
void qemu_plugin_register_atexit_cb(plugin_id id, void (*cb)(plugin_id, void *), void *data);

__attribute__((visibility("default"))) int qemu_plugin_version = 1;

static FILE *out;
static int tracing;

static void note(uint64_t x)
{
    if (tracing)
        fwrite(&x, sizeof x, 1, out);
}

static void on_insn(unsigned cpu, void *data)
{
    (void)cpu;
    note((uint64_t)(uintptr_t)data);
}

static void on_memory(unsigned cpu, uint32_t info, uint64_t address, void *data)
{
    (void)cpu, (void)info, (void)data;
    note(address | UINT64_C(1) << 63);
}

static void on_translation(plugin_id id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        void *address = (void *)(uintptr_t)qemu_plugin_insn_vaddr(insn);
        qemu_plugin_register_vcpu_insn_exec_cb(insn, on_insn, 0, address);
        qemu_plugin_register_vcpu_mem_cb(insn, on_memory, 0, 3, NULL);
    }
}

static void on_syscall(plugin_id id, unsigned cpu, int64_t num, uint64_t on, uint64_t b, uint64_t c, uint64_t d,
                       uint64_t e, uint64_t f, uint64_t g, uint64_t h)
{
    (void)id, (void)cpu, (void)b, (void)c, (void)d, (void)e, (void)f, (void)g, (void)h;
    if (num == SYS_TRACE)
        tracing = on == 1;
}

static void on_exit(plugin_id id, void *data)
{
    (void)id, (void)data;
    fclose(out);
}

__attribute__((visibility("default"))) int qemu_plugin_install(plugin_id id, const void *info, int argc, char **argv)
{
    (void)info;
    if (argc != 1 || strncmp(argv[0], "out=", 4) != 0 || (out = fopen(argv[0] + 4, "wb")) == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, on_translation);
    qemu_plugin_register_vcpu_syscall_cb(id, on_syscall);
    qemu_plugin_register_atexit_cb(id, on_exit, NULL);
    return 0;
}
